"""Generators that run: plain, nested by for, by send and throw, in sum() and zip(), by yield from."""
import os
import sys

import truth


def source(count):
    for number in range(count):
        os.read(truth.gate, 1)
        yield number


def doubled(numbers):
    for number in numbers:
        yield number * 2


def filtered(numbers, keep=lambda n: n >= 0):
    return (number for number in numbers if keep(number))


def by_for():
    for number in filtered(doubled(doubled(source(3)))):
        return number


def in_sum():
    return sum(doubled(source(3)))


def in_zip():
    return list(zip(source(3), doubled([1, 2])))


def receiver():
    got = []
    while len(got) < 3:
        got.append((yield))
        if len(got) == 2:
            os.read(truth.gate, 1)


def by_send():
    target = receiver()
    next(target)
    target.send("first")
    target.send(u"second")


def catcher():
    try:
        yield 1
    except ValueError:
        os.read(truth.gate, 1)


def by_throw():
    target = catcher()
    next(target)
    try:
        target.throw(ValueError("thrown"))
    except StopIteration:
        pass


def closer():
    try:
        yield 1
    finally:
        os.read(truth.gate, 1)


def by_close():
    target = closer()
    next(target)
    target.close()


def suspended():
    """Generators that do not run, beside one that does."""
    idle = receiver()
    next(idle)
    fresh = receiver()
    os.read(truth.gate, 1)
    return idle, fresh


SHAPES = [by_for, in_sum, in_zip, by_send, by_throw, by_close, suspended]

if sys.version_info >= (3, 3):
    exec(compile('''
def leaf():
    yield 1
    os.read(truth.gate, 1)
    return "end"

def chain(depth):
    if depth:
        result = yield from chain(depth - 1)
    else:
        result = yield from leaf()
    return result

def yield_from():
    return list(chain(5))

def yield_from_send():
    top = chain(3)
    next(top)
    try:
        top.send(None)
    except StopIteration as stop:
        return stop.value

SHAPES += [yield_from, yield_from_send]
''', "<generators since 3.3>", "exec"), globals())

if __name__ == "__main__":
    threads = [truth.start(shape.__name__, shape) for shape in SHAPES]
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0)
    truth.tell_and_wait()
    os._exit(0)
