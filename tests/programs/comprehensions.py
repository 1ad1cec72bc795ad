"""List, set, dict comprehensions and generator expressions in functions, methods and class bodies.

The blocking call is inside the comprehension; 3.12 makes no frame for most of them.
"""
import os

import truth


def block(*args):
    return os.read(truth.gate, 1)


def list_in_function(limit):
    before = 1
    return [block(item, before) for item in range(limit)]


def set_in_function(limit):
    return {block(item) for item in range(limit) if item > 1}


def dict_in_function(limit):
    return {item: block(item) for item in range(limit)}


def generator_in_function(limit):
    return list(block(item) for item in range(limit))


def nested(limit):
    return [[(outer, inner, block(outer)) for inner in range(outer)] for outer in range(1, limit)]


def nested_mixed(limit):
    return {a: [sum(block(a, b, c) for c in range(2)) for b in {x + 1 for x in range(limit)}]
            for a in range(limit)}


def direct(limit):
    return [os.read(truth.gate, 1) for item in range(limit)]


def shadowing(item):
    result = [
        block(item)
        for item in [item + 1, item + 2]
    ]
    return result, item


def captured(limit):
    return [(lambda: block(item))() for item in range(limit)]


def captured_outside(limit):
    def inner():
        return [block(limit, item) for item in range(limit)]
    return inner()


def in_condition(limit):
    return [item for item in range(limit) if block(item)]


def in_class_body(limit):
    class Body(object):
        here = 1
        values = [block(item) for item in range(3)]
    return Body


SHAPES = [list_in_function, set_in_function, dict_in_function, generator_in_function, nested, nested_mixed,
          direct, shadowing, captured, captured_outside, in_condition, in_class_body]

if __name__ == "__main__":
    threads = [truth.start(shape.__name__, shape, 3) for shape in SHAPES]
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0)
    truth.tell_and_wait()
    os._exit(0)
