"""Greenlets that switch at every depth: `red_2` is called by `red_1`, that by `red_0`, which nobody calls.

greenlet is what scripts/get-readers has put aside for this Python.
"""
import os
import select
import sys

import truth

CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
READERS = os.environ.get("PITVIPER_READERS") or os.path.join(CACHE, "pitviper", "readers")
sys.path.append(os.path.join(READERS, "greenlet-%d.%d" % sys.version_info[:2]))
try:
    from greenlet import greenlet
except ImportError:
    truth.skip("there is no greenlet for it")

COLOURS, DEPTH = ["red", "green", "blue"], 12
greenlets = [None] * len(COLOURS)


def work():
    for _ in range(30):
        pass


for number, colour in enumerate(COLOURS):
    for depth in range(DEPTH):
        source = "def {0}_{1}():\n    work()\n    greenlets[{2}].switch()\n    {3}\n    work()\n"
        below = "%s_%d()" % (colour, depth + 1) if depth + 1 < DEPTH else "pass"
        exec(source.format(colour, depth, (number + 1) % len(COLOURS), below))


def main():
    while not select.select([0], [], [], 0)[0]:
        for number, colour in enumerate(COLOURS):
            greenlets[number] = greenlet(globals()[colour + "_0"])
        greenlets[0].switch()


if __name__ == "__main__":
    truth.tell({})
    main()
    os._exit(0)
