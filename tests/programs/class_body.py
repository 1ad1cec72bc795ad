"""Class bodies being executed: plain, nested, in a function with free variables; metaclass hooks."""
import os

import truth


def make(name, bases, body):
    """A class with a metaclass, on every version."""
    return type(bases[0])(name, bases, body)


def nested(argument):
    class Outer(object):
        before = argument

        class Inner(object):
            """The innermost body blocks."""
            seen = argument
            os.read(truth.gate, 1)
            after = 1
    return Outer


class SlowNew(type):
    def __new__(mcs, name, bases, body):
        os.read(truth.gate, 1)
        return type.__new__(mcs, name, bases, body)


class SlowInit(type):
    def __init__(cls, name, bases, body):
        os.read(truth.gate, 1)


class SlowCall(type):
    def __call__(cls, *args, **kwargs):
        os.read(truth.gate, 1)
        return type.__call__(cls, *args, **kwargs)


def in_new():
    return SlowNew("Made", (object,), {})


def in_init():
    return SlowInit("Made", (object,), {"x": 1})


def in_call():
    return SlowCall("Made", (object,), {})(1, key=2)


SHAPES = [in_new, in_init, in_call]

if not truth.PY2:
    exec(compile('''
class SlowPrepare(type):
    @classmethod
    def __prepare__(mcs, name, bases, **options):
        os.read(truth.gate, 1)
        return {}

def in_prepare():
    class Made(metaclass=SlowPrepare, option=1):
        pass

class Base:
    def __init_subclass__(cls, **options):
        os.read(truth.gate, 1)

def in_init_subclass():
    class Made(Base, option=2):
        def method(self):
            return __class__

class Named:
    def __set_name__(self, owner, name):
        os.read(truth.gate, 1)

def in_set_name():
    class Made:
        attribute = Named()

SHAPES += [in_prepare, in_init_subclass, in_set_name]
''', "<classes of Python 3>", "exec"), globals())

if __name__ == "__main__":
    threads = [truth.start("nested", nested, "free variable")]
    threads += [truth.start(shape.__name__, shape) for shape in SHAPES]
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0)

    class Told(object):
        """The main thread waits inside this body."""
        first = 1

        class Deeper(object):
            truth.tell_and_wait()

    os._exit(0)
