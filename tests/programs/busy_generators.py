# -*- coding: utf-8 -*-
"""Generators, `yield from` and coroutines that run for ever. Threads: first argument (0), depth: second (0).

As busy_tree.py; names are unique, so are the files of extra.files = [this, "<since 3.3>", "<since 3.6>"].
"""
import os
import select
import sys
import threading

import truth
from calltree import edges_of, source_of


def g_0(n):
    inner = g_1(n)  # -> g_1
    for value in inner:  # -> g_1
        yield value + g_6(n)  # -> g_6


def g_1(n):
    first = g_2(n)  # -> g_2
    second = g_3(n)  # -> g_3
    for value in first:  # -> g_2
        yield value
    for value in second:  # -> g_3
        yield value


def g_2(n):
    for value in range(n):
        yield g_6(value)  # -> g_6


def g_3(n):
    target = g_4()  # -> g_4
    next(target)  # -> g_4
    for value in range(n):
        yield target.send(value)  # -> g_4
    for value in target:  # -> g_4
        pass


def g_4():
    got = 0
    while got is not None:
        g_6(got)  # -> g_6
        got = yield got


def g_6(n):
    return n + 1


def root():
    while True:
        down(DEPTH)  # -> down


def down(n):
    if n:
        return down(n - 1)  # -> down
    for _ in range(20):
        once()  # -> once


def once():
    top = g_0(3)  # -> g_0
    total = 0
    for value in top:  # -> g_0
        total += value
    more(3)  # -> more
    return total


def more(n):
    """Replaced where there is `yield from`."""


SINCE_3_3 = '''
def y_0(n):
    inner = y_1(n)  # -> y_1
    result = yield from inner  # -> y_1
    return result

def y_1(n):
    for step in range(n):
        inner = y_2(step)  # -> y_2
        yield from inner  # -> y_2
    return n

def y_2(n):
    got = y_3(n)  # -> y_3
    yield got
    yield y_3(n)  # -> y_3

def y_3(n):
    return n * 2

def more(n):
    top = y_0(n)  # -> y_0
    for value in top:  # -> y_0
        pass
    more_still(n)  # -> more_still

def more_still(n):
    pass
'''

SINCE_3_6 = '''
class Pass:
    def __await__(self):
        yield

async def c_0(n):
    inner = c_1(n)  # -> c_1
    result = await inner  # -> c_1
    ticks = a_0(n)  # -> a_0
    async for tick in ticks:  # -> a_0
        result += tick
    return result

async def c_1(n):
    inner = c_2(n)  # -> c_2
    total = await inner  # -> c_2
    c_3(total)  # -> c_3
    again = c_2(n)  # -> c_2
    return await again  # -> c_2

async def c_2(n):
    c_3(n)  # -> c_3
    step = c_4(n)  # -> c_4
    await step  # -> c_4
    return n

def c_3(n):
    return n + 1

async def c_4(n):
    c_3(n)  # -> c_3
    return c_3(n)  # -> c_3

async def a_0(n):
    for value in range(n):
        step = c_4(value)  # -> c_4
        yield await step  # -> c_4

def more_still(n):
    top = c_0(n)  # -> c_0
    try:
        top.send(None)  # -> c_0
    except StopIteration:
        pass
'''


def run_until_told():
    while not select.select([0], [], [], 0)[0]:
        once()  # -> once


def add(source, name):
    exec(compile(source, name, "exec"), globals())
    edges_of(source, EDGES)


EDGES = edges_of(source_of(os.path.join(truth.HERE, "busy_generators.py")).split("SINCE_3_3 =")[0])

if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    DEPTH = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    truth.allow_depth(DEPTH)
    # The lines of run_until_told are below the sources: given here.
    EDGES["once"].append(["run_until_told", run_until_told.__code__.co_firstlineno + 2])
    if sys.version_info >= (3, 3):
        add(SINCE_3_3, "<since 3.3>")
    if sys.version_info >= (3, 6):
        add(SINCE_3_6, "<since 3.6>")
    threads = [truth.start("busy-%d" % n, root) for n in range(count)]
    truth.tell({"edges": EDGES, "root": "root" if count else "run_until_told",
                "files": [root.__code__.co_filename, "<since 3.3>", "<since 3.6>"],
                "main": threading.current_thread().ident,
                "threads": [{"name": t.name, "ident": t.ident, "native_id": truth.native_id(t.ident)}
                            for t in threads]})
    truth.wait() if count else run_until_told()
    os._exit(0)
