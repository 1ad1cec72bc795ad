"""Decorated functions, lambdas, partials, bound, static and class methods, callables."""
import functools
import os

import truth


def plain(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


def with_arguments(
    *options
):
    def decorate(function):
        @wrapped
        def wrapper(*args):
            return function(*args)
        return wrapper
    return decorate


class Callable(object):
    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(*args)


class Methods(object):
    @staticmethod
    @plain
    def static(last):
        return Methods.klass(last)

    @classmethod
    def klass(cls, last):
        return cls().bound(last)

    @wrapped
    @with_arguments("a",
                    "b")
    def bound(self, last):
        return (lambda: (lambda x=last: x())())()


@plain
@wrapped
@with_arguments(
    1,
    2,
)
@Callable
def decorated(last):
    return functools.partial(Methods.static, last)()


if __name__ == "__main__":
    thread = truth.start("lambdas", lambda: (
        lambda a, b=1, *c:
        os.read(truth.gate, a)
    )(1, 2, 3))
    truth.wait_blocked(truth.native_id(thread.ident), 0)
    decorated(lambda: truth.tell_and_wait())
    truth.release()
    thread.join()
