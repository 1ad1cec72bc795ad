# -*- coding: utf-8 -*-
"""A call tree that runs for ever; every function is called on lines of its own. Threads: first argument (0).
Second argument (0): it hangs below so many calls of one function, which are made anew every few turns.

extra.edges = {child: [[parent, line of the call], …]}: any observed stack, down to extra.root, must be a path of it.
The main thread spins too when no threads are asked for; else it waits (in truth.wait).
"""
import os
import select
import sys
import threading

import truth
from calltree import edges_of, source_of


def f_0(n):
    f_1(n)  # -> f_1
    f_2(n)  # -> f_2
    total = 1
    total += f_3(n)  # -> f_3
    f_4(total)  # -> f_4
    f_1(total)  # -> f_1
    return f_5(n, f=1)  # -> f_5


def f_1(n):
    f_6(n)  # -> f_6
    for _ in range(3):
        f_7(n)  # -> f_7
    return n


def f_2(n):
    f_7(n)  # -> f_7
    f_7(n + 1)  # -> f_7
    if n:
        f_8(n)  # -> f_8


def f_3(n):
    total = 0
    for step in range(20):
        total += step * n
    total += f_9(3)  # -> f_9
    return total


def f_4(n):
    try:
        f_10(n)  # -> f_10
    except ValueError:
        f_11(n)  # -> f_11
    finally:
        f_12(n)  # -> f_12


def f_5(n, f=0, *args, **kwargs):
    f_13(*(n, 2))  # -> f_13
    f_13(a=n, b=3)  # -> f_13
    tree = Tree()
    tree.f_14(n)  # -> f_14
    return tree.f_15(n)  # -> f_15


def f_6(n):
    return n + 1


def f_7(n):
    return f_6(f)  # -> f_6


f = 7


def f_8(n):
    f_6(1); f_7(2)  # -> f_6 f_7


def f_9(depth):
    if depth:
        f_9(depth - 1)  # -> f_9
        f_9(depth - 1)  # -> f_9
    return f_6(depth)  # -> f_6


def f_10(n):
    f_6(n)  # -> f_6
    f_16(n)  # -> f_16


def f_11(n):
    f_6(n)  # -> f_6


def f_12(n):
    f_11(n)  # -> f_11


def f_13(a, b):
    f_17(a, b)  # -> f_17
    f_17(b, a)  # -> f_17


class Tree(object):
    def f_14(self, n):
        self.f_15(n)  # -> f_15
        f_2(n)  # -> f_2

    def f_15(self, n):
        f_12(n)  # -> f_12
        f_12(n)  # -> f_12
        return f_6(n)  # -> f_6


def f_16(n):
    raise ValueError(n)


def f_17(a, b):
    c = a + b
    d = [a, b, c]
    return len(d)


def root():
    while True:
        down(DEPTH)  # -> down


def down(n):
    if n:
        return down(n - 1)  # -> down
    for _ in range(20):
        f_0(1)  # -> f_0


def run_until_told():
    """The main thread's own turn: it looks at stdin between calls."""
    while not select.select([0], [], [], 0)[0]:
        f_0(2)  # -> f_0


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    DEPTH = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    truth.allow_depth(DEPTH)
    threads = [truth.start("busy-%d" % n, root) for n in range(count)]
    truth.tell({"edges": edges_of(source_of(os.path.join(truth.HERE, "busy_tree.py"))),
                "root": "root" if count else "run_until_told", "file": f_0.__code__.co_filename,
                "main": threading.current_thread().ident,
                "threads": [{"name": t.name, "ident": t.ident, "native_id": truth.native_id(t.ident)}
                            for t in threads]})
    truth.wait() if count else run_until_told()
    os._exit(0)
