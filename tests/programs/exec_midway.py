"""Runs `before_exec`; told so, the process replaces itself (os.execv) and runs `after_exec`."""
import os
import select
import sys

import truth


def before_exec():
    while not select.select([0], [], [], 0)[0]:
        pass
    os.read(0, 1)


def after_exec():
    while not select.select([0], [], [], 0)[0]:
        pass


if __name__ == "__main__":
    if len(sys.argv) > 1:
        after_exec()
        os._exit(0)
    truth.tell({})
    before_exec()
    os.execv(truth.PYTHON, [truth.PYTHON, os.path.abspath(__file__), "again"])
