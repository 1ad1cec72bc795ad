"""Told so, the process replaces itself (os.execv) as often as its first argument says; each time it runs `turn_N`."""
import os
import sys

import truth

LIFE = 60 * 10 ** 6  # ns


def run(number):
    source = "def turn_%d():\n    end = truth.clock(1) + LIFE\n    while truth.clock(1) < end: pass\n" % number
    exec(source, globals())
    globals()["turn_%d" % number]()


if __name__ == "__main__":
    turns, number = int(sys.argv[1]), int((sys.argv + ["0"])[2])
    if number == 0:
        truth.tell({})
        truth.wait()
    run(number)
    if number + 1 < turns:
        os.execv(truth.PYTHON, [truth.PYTHON, os.path.abspath(__file__), str(turns), str(number + 1)])
    os._exit(0)
