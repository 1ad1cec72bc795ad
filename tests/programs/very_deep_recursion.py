"""100,000 frames (20,000 up to 3.10, where each costs C stack), in a thread with a large stack.

The locals are left out of the truth (null): the line is long enough.
"""
import sys
import threading

import truth

DEPTH = 100000 if sys.version_info >= (3, 11) else 20000


def down(n):
    if n == 1:
        truth.tell_and_wait(with_locals_=False, depth=DEPTH)
        return 0
    below = down(n - 1)
    return below + 1


if __name__ == "__main__":
    sys.setrecursionlimit(DEPTH + 1000)
    threading.stack_size(512 << 20)
    truth.start("deep", down, DEPTH).join()
