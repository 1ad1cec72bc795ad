"""Cycles of garbage, collected every few objects, whose finalizers make more, and functions with code of their own.

`churn` calls `cycle`; `__del__` runs, and calls `finalise`, wherever a collection begins.
"""
import gc
import os
import select

import truth


class Node(object):
    def __init__(self):
        self.me = self
        self.code = compile("lambda: %d" % id(self), "<made>", "eval")


class Last(Node):
    def __del__(self):
        finalise()


def finalise():
    return [[] for _ in range(20)]


def cycle():
    # On 2.7 no cycle with a finalizer is freed: there it ends by itself.
    one, other = Last(), Node()
    if truth.PY2:
        one.me = None
    other.me = [one, other]


def churn():
    while not select.select([0], [], [], 0)[0]:
        for _ in range(100):
            cycle()


if __name__ == "__main__":
    gc.set_threshold(20, 3, 3)
    truth.tell({})
    churn()
    os._exit(0)
