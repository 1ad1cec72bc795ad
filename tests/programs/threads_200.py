"""200 threads blocked on one Event."""
import threading

import truth

go = threading.Event()


def waiter(number):
    go.wait()


if __name__ == "__main__":
    threads = [truth.start("waiter-%d" % n, waiter, n) for n in range(200)]
    truth.tell_and_wait()
    go.set()
    for thread in threads:
        thread.join()
