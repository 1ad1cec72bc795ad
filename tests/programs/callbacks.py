# -*- coding: utf-8 -*-
"""C code that calls back into Python, all nested in one stack: sort keys, ctypes, __del__, signals, …"""
import ctypes
import functools
import gc
import json
import os
import pickle
import re
import signal
import sys
import weakref

import truth


def go(rest):
    """Through the next callback, or tell."""
    if rest:
        return rest[0](rest[1:])
    truth.tell_and_wait(callbacks=len(CALLBACKS))
    return 1


def by_sorted(rest):
    sorted([1], key=lambda item: go(rest))


def by_max(rest):
    max([1, 2][:1], key=lambda item: go(rest))


def by_map(rest):
    list(map(lambda item: go(rest), [1]))


def by_filter(rest):
    list(filter(lambda item: go(rest), [1]))


def by_reduce(rest):
    functools.reduce(lambda a, b: go(rest), [1, 2])


def by_partial(rest):
    functools.partial(go, rest)()


def by_ctypes(rest):
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)

    def callback(number):
        go(rest)
        return number
    kind(callback)(3)


def by_qsort(rest):
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(a, b):
        go(rest)
        return 0
    qsort = ctypes.CDLL(None).qsort
    qsort.argtypes, qsort.restype = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, kind], None
    qsort((ctypes.c_int * 2)(), 2, 4, kind(compare))


def by_del(rest):
    class Dying(object):
        def __del__(self):
            go(rest)
    dying = Dying()
    del dying


def by_weakref(rest):
    class Thing(object):
        pass
    thing = Thing()
    reference = weakref.ref(thing, lambda dead: go(rest))
    del thing
    return reference


def by_gc_del(rest):
    """__del__ (or a weakref callback, 2.7) called by the collector, of an object in a cycle."""
    class Thing(object):
        pass
    thing, other = Thing(), Thing()
    thing.other, other.thing = other, thing
    thing.me = thing
    keep = weakref.ref(thing, lambda dead: go(rest))
    del thing, other
    gc.collect()
    return keep


def by_signal(rest):
    done = []

    def handler(number, frame):
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        go(rest)
        done.append(number)
    signal.signal(signal.SIGUSR1, handler)
    os.kill(os.getpid(), signal.SIGUSR1)
    while not done:
        pass


def by_property(rest):
    class Has(object):
        @property
        def value(self):
            return go(rest)
    return Has().value


def by_descriptor(rest):
    class Descriptor(object):
        def __get__(self, instance, owner):
            return go(rest)

    class Has(object):
        value = Descriptor()
    return Has().value


def by_getattr(rest):
    class Has(object):
        def __getattr__(self, name):
            return go(rest)
    return Has().missing


def by_getattribute(rest):
    class Has(object):
        def __getattribute__(self, name):
            return go(rest)
    return Has().anything


def by_setattr(rest):
    class Has(object):
        def __setattr__(self, name, value):
            go(rest)
    Has().value = 1


def by_metaclass_call(rest):
    class Meta(type):
        def __call__(cls, *args):
            return go(rest)
    return Meta("Made", (object,), {})(1, 2)


def by_new_and_init(rest):
    class Made(object):
        def __new__(cls):
            return object.__new__(cls)

        def __init__(self):
            go(rest)
    Made()


class Pickled(object):
    rest = ()

    def __reduce__(self):
        go(type(self).rest)
        return int, ()


def by_pickle(rest):
    Pickled.rest = rest
    pickle.dumps(Pickled(), 2)


class Unpickled(object):
    rest = ()

    def __setstate__(self, state):
        go(type(self).rest)


def by_unpickle(rest):
    value = Unpickled()
    value.state = 1
    Unpickled.rest = rest
    pickle.loads(pickle.dumps(value, 2))


def by_iteration(rest):
    class Iterable(object):
        def __iter__(self):
            go(rest)
            return iter(())
    tuple(Iterable())


def by_equality(rest):
    class Same(object):
        __hash__ = None

        def __eq__(self, other):
            go(rest)
            return True
    [Same()].index(1)


def by_hash(rest):
    class Key(object):
        def __hash__(self):
            go(rest)
            return 1
    {}.get(Key())


def by_truth(rest):
    class Value(object):
        def __bool__(self):
            go(rest)
            return True
        __nonzero__ = __bool__
    if not Value():
        pass


def by_str(rest):
    class Value(object):
        def __str__(self):
            go(rest)
            return ""
    "%s" % Value()


def by_format(rest):
    class Value(object):
        def __format__(self, how):
            go(rest)
            return ""
    "{:x}".format(Value())


def by_arithmetic(rest):
    class Value(object):
        def __radd__(self, other):
            return go(rest)
    return 1 + Value()


def by_re(rest):
    re.sub("a", lambda match: str(go(rest)), "a")


def by_json(rest):
    json.dumps([object()], default=lambda value: go(rest))


def by_eval(rest):
    eval("go(rest)")


def by_exec(rest):
    exec(compile("go(rest)", "<by_exec>", "exec"), {"go": go, "rest": rest})


def by_codec(rest):
    import codecs

    def handler(error):
        go(rest)
        return u"?", error.end
    codecs.register_error("pitviper", handler)
    b"\xff".decode("ascii", "pitviper")


def by_monitoring(rest):
    if not hasattr(sys, "monitoring"):
        return go(rest)
    monitoring = sys.monitoring

    def callback(code, offset):
        monitoring.set_local_events(4, watched.__code__, 0)
        go(rest)

    def watched():
        return 1
    monitoring.use_tool_id(4, "pitviper")
    monitoring.register_callback(4, monitoring.events.PY_START, callback)
    monitoring.set_local_events(4, watched.__code__, monitoring.events.PY_START)
    watched()


def profiled():
    """A thread of its own: no tracing inside of tracing."""
    def profiler(frame, event, argument):
        sys.setprofile(None)
        os.read(truth.gate, 1)
    sys.setprofile(profiler)
    len(())


def traced():
    def tracer(frame, event, argument):
        if event == "line":
            sys.settrace(None)
            os.read(truth.gate, 1)
        return tracer

    def watched():
        value = 1
        return value
    sys.settrace(tracer)
    watched()


CALLBACKS = [
    by_sorted, by_max, by_map, by_filter, by_reduce, by_partial, by_ctypes, by_qsort, by_property, by_descriptor,
    by_getattr, by_getattribute, by_setattr, by_metaclass_call, by_new_and_init, by_pickle, by_unpickle,
    by_iteration, by_equality, by_hash, by_truth, by_str, by_format, by_arithmetic, by_re, by_json, by_eval,
    by_exec, by_codec, by_signal, by_del, by_weakref, by_gc_del, by_monitoring,
]

if __name__ == "__main__":
    threads = [truth.start(function.__name__, function) for function in (profiled, traced)]
    go(tuple(CALLBACKS))
    truth.release()
    for thread in threads:
        thread.join()
