"""A thread that calls Python from C from Python, argv[1] calls deep, and computes below: max(key=lambda ...).

extra.busy: its ident.
"""
import sys
import threading

import truth


def down(depth):
    if depth:
        return max([1], key=lambda _: down(depth - 1))
    started.set()
    while True:
        for _ in range(1000):
            pass


if __name__ == "__main__":
    started = threading.Event()
    busy = truth.start("busy", down, int(sys.argv[1]))
    started.wait()
    truth.tell({"busy": {"ident": busy.ident}})
    truth.wait()
    truth.os._exit(0)
