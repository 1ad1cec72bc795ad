"""Calls that span lines: what line and column is executed now.

Every shape blocks in its own thread; the reader of the gate is the innermost frame.
"""
import contextlib
import os
import sys

import truth


class Chain(object):
    """Every step returns the next; the last blocks."""

    def __getattr__(self, name):
        return self

    def step(self, *args, **kwargs):
        return self

    def block(self, *args):
        os.read(
            truth.gate,
            1,
        )
        return self


def block(*args, **kwargs):
    return os.read(truth.gate, 1)


def same(value, *args, **kwargs):
    return value


def nested_calls():
    return same(
        same(1),
        same(
            block(
                2,
                key=same(
                    3,
                ),
            ),
        ),
    )


def chained_attributes():
    chain = Chain()
    return (
        chain
        .first
        .step(1)
        .second.step(
            2,
        )
        .block(
            3
        )
        .third
    )


def with_try_finally():
    try:
        with contextlib.closing(
            os.fdopen(os.dup(truth.gate), "rb", 0)
        ) as first, \
                contextlib.closing(os.fdopen(os.dup(truth.gate), "rb", 0)) as second:
            try:
                raise KeyError("k")
            except (
                ValueError,
                KeyError,
            ):
                pass
            finally:
                first.read(1)
                second.close()
    finally:
        pass


def in_finally():
    try:
        return 1
    finally:
        block(
            "finally"
        )


def in_except():
    try:
        raise ValueError(
            "x"
        )
    except ValueError as error:
        block(type(error))


@contextlib.contextmanager
def slow_exit():
    yield
    block("exit")


def with_exit():
    with slow_exit():
        pass


def decorator(*marks):
    def decorate(function):
        block(function.__name__)
        return function
    return decorate


def decorated():
    @decorator(
        1,
        2,
    )
    @same
    def inner(
        a,
        b=same(1),
    ):
        return a

    return inner


def conditional():
    truthy = 1
    return (
        block("yes")
        if truthy
        else block("no")
    )


def boolean():
    no = 0
    return (
        no
        or no + 1 and
        block("or")
    )


def operators():
    left = Operand()
    return (left +
            left -
            same(left)
            [block, "subscript"])


class Operand(object):
    def __add__(self, other):
        return self

    def __sub__(self, other):
        return block("sub")

    def __getitem__(self, key):
        return self


def format_strings():
    return "%s %s" % (
        1,
        block("percent"),
    )


def keywords():
    return dict(
        a=1,
        b=[
            1,
            block(*[
                2,
            ], **{
                "c": 3,
            }),
        ],
    )


def loops():
    for first in (
        1,
    ):
        while (
            block("while", first)
        ):
            pass


def statements():
    a = 1; b = 2; block(a, b); c = 3  # noqa: E702
    return c


def compare():
    return (1 <
            2 <
            Operand2() <
            4)


class Operand2(object):
    def __gt__(self, other):
        return block(
            "compare")


SHAPES = [nested_calls, chained_attributes, with_try_finally, in_finally, in_except, with_exit,
          decorated, conditional, boolean, operators, format_strings, keywords, loops, statements, compare]

# What only newer versions can read.
NEWER = {
    (3, 6): '''
def f_string():
    return (f"{1!r:>{2}} head"
            f"{block('f')!s:>5} tail")
SHAPES.append(f_string)
''',
    (3, 8): '''
def walrus():
    if (n := 3) and (
        m := block(n)
    ):
        return n, m
SHAPES.append(walrus)

def positional(a, /, b, *, c=4):
    return block(a,
                 b, c)
def positional_only():
    return positional(1, b=2)
SHAPES.append(positional_only)
''',
    (3, 10): '''
def match_statement():
    match same([1, 2]):
        case [1, x] if (
            block(x)
        ):
            return x
SHAPES.append(match_statement)
''',
    (3, 11): '''
def except_group():
    try:
        raise ExceptionGroup("g", [ValueError(1)])
    except* ValueError as group:
        block(
            len(group.exceptions))
SHAPES.append(except_group)
''',
    (3, 12): '''
def generic[T](value: T) -> T:
    type Alias = list[T]
    return block(value, f"{
        same("nested quotes")
    }")
def type_parameters():
    return generic(1)
SHAPES.append(type_parameters)
''',
}


if __name__ == "__main__":
    for version in sorted(NEWER):
        if sys.version_info >= version:
            exec(compile(NEWER[version], "<since %d.%d>" % version, "exec"), globals())
    threads = [truth.start(shape.__name__, shape) for shape in SHAPES]
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0)
    truth.tell_and_wait(shapes=len(SHAPES))
    truth.release()
    for thread in threads:
        thread.join()
