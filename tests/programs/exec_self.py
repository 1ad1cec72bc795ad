"""The process replaces itself (os.execv) and tells: same pid, new interpreter, argv[1] = "again"."""
import os
import sys

import truth


def blocked():
    os.read(truth.gate, 1)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        truth.start("before", blocked)
        os.execv(truth.PYTHON, [truth.PYTHON, os.path.abspath(__file__), "again"])
    truth.start("after", blocked)
    truth.tell_and_wait(argv=sys.argv[1:])
    os._exit(0)
