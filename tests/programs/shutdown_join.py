"""The main thread has ended its program and waits for the other threads (threading._shutdown)."""
import threading

import truth

main = threading.current_thread()


def survivor():
    truth.wait_blocked(truth.native_id(main.ident))
    truth.tell_and_wait(state="shutdown")


if __name__ == "__main__":
    truth.start("survivor", survivor, daemon=False)
