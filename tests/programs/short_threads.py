"""Told so, it starts as many threads as its first argument says, a few at a time, and ends."""
import os
import sys
import threading

import truth


def brief(n):
    total = 0
    for step in range(n):
        total = deeper(total, step)
    return total


def deeper(total, step):
    return total + step


if __name__ == "__main__":
    truth.tell({"functions": ["brief", "deeper"]})
    truth.wait()
    for _ in range(int(sys.argv[1]) // 4):
        threads = [threading.Thread(target=brief, args=(300,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    os._exit(0)
