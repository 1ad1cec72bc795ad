"""Lines that go backwards, jumps of more than 127 and 255 lines, columns beyond 127, 255 and 32,767, first lines."""
import os

import truth

BACKWARDS = '''
def backwards(one, two):
    return one(
        1,
        two(2) +
        two(3)
        , key=[
            two(4),
            two(5)]
    )[
        0
    ](
        two(6),
        block()
    )

def block():
    os.read(truth.gate, 1)
    return 0

def run():
    backwards(lambda *a, **k: [lambda *b: os.read(truth.gate, 1)], lambda n: n)
'''
OUTER = '''
def run():
    return same(%s
        same(1),%s
        block(),%s
        same(2))

def same(*values):
    return values

def block():
    os.read(truth.gate, 1)
'''
LONG = '''
def run():
    value = %sblock()%s; value = 2
    return value

def block(*args):
    os.read(truth.gate, 1)
'''
INNER = '''
def run():
    return (same(1,%s
    same(
block(
))))

def same(*values):
    return values

def block():
    os.read(truth.gate, 1)
'''
LATE = "\n" * 70000 + '''
def run(
    value=1,
):


    if value:%s
        os.read(truth.gate, 1)
'''


def define(source, name):
    space = {"os": os, "truth": truth}
    exec(compile(source, name, "exec"), space)
    return space["run"]


def sources():
    yield "backwards", BACKWARDS
    for gap in 1, 126, 127, 128, 129, 254, 255, 256, 257, 300, 511, 1000, 32767, 32768, 70000:
        yield "gap-%d" % gap, OUTER % (("\n" * gap,) * 3)
        yield "inner-gap-%d" % gap, INNER % ("\n" * gap)
        yield "late-%d" % gap, LATE % ("\n" * gap)
    for width in 100, 127, 128, 240, 255, 256, 300, 1000, 32767, 32768, 70000:
        yield "column-%d" % width, LONG % ("(" + " " * width, " " * width + ")")
        yield "text-%d" % width, LONG % ("len('" + "x" * width + "') and ", "")
    yield "wide", LONG % (u"len(u'" + u"\xe9\u6f22\U0001f600" * 100 + u"') and ", "")


if __name__ == "__main__":
    for name, source in sources():
        truth.start(name, define(source if not truth.PY2 else source.encode("utf-8"), "<%s>" % name))
    truth.tell_and_wait()
    os._exit(0)
