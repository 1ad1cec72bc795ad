# -*- coding: utf-8 -*-
"""Statements of many kinds, again and again. extra.lines = {function: [line, …]}: those that are ever executed.

Found by tracing one turn, by instruction where Python can; the line of `def` belongs to a call that just begins.
"""
import os
import select
import sys

import truth

SOURCE = u'''
import contextlib

@contextlib.contextmanager
def guarded(log):
    log.append(
        1
    )
    try:
        yield log
    finally:
        log.pop()

def decorated(function):
    def wrapper(
        *args
    ):
        result = function(
            *args
        )
        return result
    return wrapper

@decorated
def total(
    a,
    b,
):
    return (
        a
        + b
        +
        len(
            [a, b]
        )
    )

def loops(n):
    found = []
    for i in range(n):
        if i % 2:
            continue
        found.append(i)
    else:
        found.append(None)
    while n:
        n -= 1
        if n == 2:
            break
    return found

def raises(n):
    try:
        if n:
            raise ValueError(n)
    except ValueError as error:
        value = error.args
    finally:
        n = 0
    return value

def never(n):
    if n == -1:
        return n + 12345
    return n

def comprehends(n):
    squares = [
        i * i
        for i in range(n)
        if i
    ]
    pairs = {
        i: never(i)
        for i in squares
    }
    lazy = (
        never(i)
        for i in squares
    )
    return sorted(
        lazy,
        key=lambda i:
            -i,
    ), pairs

class Thing(object):
    def __init__(self, n):
        self.n = n

    @property
    def value(self):
        return self.n

    def __add__(self, other):
        return Thing(
            self.value
            + other.value
        )

def everything():
    log = []
    with guarded(log) as inner:
        total(1,
              2)
        loops(6)
        raises(3)
    comprehends(4)
    Thing(1) + \\
        Thing(2)
    return (total(3, 4) if log
            else total(5, 6))
'''

executed = {}


def see(frame):
    code = frame.f_code
    if code.co_filename == "<lines>":
        lines = executed.setdefault(code.co_name, set([code.co_firstlineno]))
        lines.add(frame.f_lineno)


def tracer(frame, event, arg):
    if hasattr(frame, "f_trace_opcodes"):
        frame.f_trace_opcodes = True
    see(frame)
    return tracer


def run_until_told(everything):
    while not select.select([0], [], [], 0)[0]:
        for _ in range(50):
            everything()


if __name__ == "__main__":
    scope = {"__name__": "lines"}
    exec(compile(SOURCE, "<lines>", "exec"), scope)
    everything = scope["everything"]
    everything()
    sys.settrace(tracer)
    for _ in range(3):
        everything()
    sys.settrace(None)
    truth.tell({"lines": dict((name, sorted(line for line in lines if line)) for name, lines in executed.items()),
                "file": "<lines>"})
    run_until_told(everything)
    os._exit(0)
