# -*- coding: utf-8 -*-
"""Objects of every kind, by name in `things`. extra.things: {name: what is true of it}; extra.missing: kinds that
this version has not. extra.paths: {path: text}."""
import collections
import ctypes
import datetime
import decimal
import functools
import gc
import sys
import threading
import weakref

import truth

generations = {}
things = collections.OrderedDict()
missing = []


class Base(object):
    __slots__ = ("s1", "s2")


class Plain(Base):
    shared = 3

    def __init__(self):
        self.a = 1
        self.b = [1, 2, {"k": (1, 2)}]
        self.s1 = "slot"

    def method(self):
        return self.a

    @property
    def prop(self):
        return self.a

    @classmethod
    def made(cls):
        return cls()

    @staticmethod
    def free():
        return 1


class Slotted(object):
    __slots__ = ("x", "y")


class Listed(list):
    pass


class Mapped(dict):
    pass


Point = collections.namedtuple("Point", "x y")


def closure():
    held = [1]

    def inner(a, b=2, *rest, **options):
        return held, a, b, rest, options
    return inner


def generate(n):
    got = n * 2
    yield got
    yield got + 1


chained = []
if not truth.PY2:
    exec("def outer(inner):\n    x = yield from inner\n")
    chained.append(generate(5))
    chained.insert(0, outer(chained[0]))  # noqa: F821
    next(chained[0])


def failing():
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer", 2)
    except ValueError as error:
        return error


def refcount(address):
    """What the object's own count says; None where it does not count (immortal), or more than one word does."""
    if truth_free_threaded:
        return None
    if hasattr(sys, "getobjects"):
        address += 16  # all objects are linked (Py_TRACE_REFS)
    if sys.version_info >= (3, 12):
        count = ctypes.c_int32.from_address(address).value
        return None if count < 0 else count
    return ctypes.c_ssize_t.from_address(address).value


def type_name(kind):
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", kind.__name__)
    return name if module in (None, "builtins", "__builtin__") else "%s.%s" % (module, name)


# Everybody refers to these, or this program does while it tells.
SHARED = ("none", "true", "zero", "small", "int_type", "held", "ellipsis", "notimplemented", "module", "class", "builtin")


def describe(name):
    kind = type(things[name])
    try:
        length = len(things[name])
    except TypeError:
        length = None
    if name == "ucs4" and sys.maxunicode < 0x10000:
        length = None  # a narrow build counts halves of characters
    return {
        "address": id(things[name]), "type": type_name(kind), "len": length,
        "generation": generations.get(id(things[name])), "tracked": gc.is_tracked(things[name]), "size": sys.getsizeof(things[name]),
        "refcnt": None if name in SHARED else refcount(id(things[name])),
    }


def add(name, make):
    """Adds what `make` returns, where this version can make it."""
    try:
        things[name] = make()
    except Exception as error:  # whatever it lacks
        missing.append([name, repr(error)])


truth_free_threaded = not getattr(sys, "_is_gil_enabled", lambda: True)()
try:
    import sysconfig
    truth_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
except ImportError:
    pass

MAKERS = [
    ("none", lambda: None), ("true", lambda: True), ("small", lambda: 7), ("negative", lambda: -12345678901),
    ("huge", lambda: 2 ** 200 + 1), ("zero", lambda: 0), ("float", lambda: 1.5), ("complex", lambda: 1 - 2j),
    ("ascii", lambda: "plain text"), ("latin", lambda: u"caf\xe9"), ("ucs2", lambda: u"\u20ac uro"),
    ("ucs4", lambda: u"\U0001f600!"), ("bytes", lambda: b"\x00\xff ab"), ("bytearray", lambda: bytearray(b"abc")),
    ("tuple", lambda: (1, "a", None)), ("list", lambda: [1, [2], "c"]), ("empty_list", lambda: []),
    ("dict", lambda: {"a": 1, "b": [2], 3: None, (1, "x"): "t"}), ("empty_dict", dict),
    ("big_dict", lambda: dict((str(n), n) for n in range(1000))), ("set", lambda: set([1, 2, 3])),
    ("big_set", lambda: set(range(500))), ("frozenset", lambda: frozenset("ab")),
    ("ordered", lambda: collections.OrderedDict([("b", 1), ("a", 2)])), ("counter", lambda: collections.Counter("aab")),
    ("default", lambda: collections.defaultdict(list, x=[1])), ("deque", lambda: collections.deque(range(150), 200)),
    ("empty_deque", collections.deque), ("range", lambda: range(2, 10, 3)), ("slice", lambda: slice(1, None, 2)),
    ("plain", Plain), ("slotted", Slotted), ("listed", lambda: Listed([1, 2])), ("mapped", lambda: Mapped(a=1)),
    ("point", lambda: Point(1, [2])), ("class", lambda: Plain), ("function", closure), ("lambda", lambda: lambda: 0),
    ("bound", lambda: Plain().method), ("builtin", lambda: len), ("builtin_bound", lambda: [].append),
    ("partial", lambda: functools.partial(int, "10", base=2)), ("property", lambda: Plain.__dict__["prop"]),
    ("classmethod", lambda: Plain.__dict__["made"]), ("staticmethod", lambda: Plain.__dict__["free"]),
    ("cell", lambda: closure().__closure__[0]), ("code", lambda: closure.__code__), ("module", lambda: truth),
    ("generator", lambda: generate(4)), ("exception", failing), ("weakref", lambda: weakref.ref(Plain)),
    ("proxy", lambda: Plain.__dict__), ("date", lambda: datetime.date(2026, 11, 30)),
    ("datetime", lambda: datetime.datetime(2026, 11, 30, 12, 34, 56, 789)), ("delta", lambda: datetime.timedelta(1, 2, 3)),
    ("decimal", lambda: decimal.Decimal("1.25")), ("memoryview", lambda: memoryview(b"abcdef")),
    ("lock", threading.Lock), ("rlock", threading.RLock), ("object", object), ("ellipsis", lambda: Ellipsis),
    ("notimplemented", lambda: NotImplemented), ("int_type", lambda: int), ("map", lambda: map(str, [])),
    ("method_descriptor", lambda: list.append), ("namespace", lambda: __import__("types").SimpleNamespace(q=[1])),
    ("enum", lambda: __import__("enum").Enum("Colour", "RED BLUE").RED),
    ("fraction", lambda: __import__("fractions").Fraction(1, 3)), ("uuid", lambda: __import__("uuid").UUID(int=5)),
    ("path", lambda: __import__("pathlib").PurePosixPath("/a/b")), ("pattern", lambda: __import__("re").compile("a(b)")),
    ("capsule", lambda: datetime.datetime_CAPI), ("struct_time", lambda: __import__("time").gmtime(0)),
]


def work(argument):
    held = {"deep": [argument, (1, 2)]}
    free = argument
    things["held"] = held

    def use():
        return free
    gc.collect()
    if sys.version_info >= (3, 8) and not truth_free_threaded:
        generations.update((id(one), number) for number in range(3) for one in gc.get_objects(number))
    here = dict((name, describe(name)) for name in things)
    plains = sum(1 for one in gc.get_objects() if isinstance(one, Plain))
    truth.tell_and_wait(instances=plains, things=here, missing=missing, paths=paths(), use=repr(use),
                        chain=[[g.gi_code.co_name, g.gi_frame.f_lineno, g.gi_frame.f_lasti] for g in chained])


def paths():
    """Paths, and the text of what they lead to."""
    return {
        "things['plain'].a": "1", "things['plain'].b[2][k][1]": "2", "things['plain'].s1": "'slot'",
        "things['plain'].shared": "3", "__main__.things['list'][-1]": "'c'", "things[dict][3]": "None",
        "things[dict][(1, 'x')]": "'t'", "things[point].y[0]": "2", "things['deque'][149]": "149",
        "things[deque][-1]": "149", "things[ordered]['a']": "2", "things[default]['x'][0]": "1",
        "t:MainThread.f[work].held[deep][1][1]": "2", "t:MainThread.f[work].argument": "'argument'",
        "t:0.f[work].free": "'argument'", "t:MainThread.f[work].things['small']": "7",
        "things[exception].args[1]": "2", "things['partial'].args[0]": "'10'", "things[slice].step": "2",
        "truth.LONGEST": "1000", "type:__main__.Plain.shared": "3", "type:Plain.shared": "3",
        "closure.__code__.co_name": "'closure'", "things['function'].__defaults__[0]": "2",
        "things['function'].__closure__[0].cell_contents[0]": "1", "things[bound].__self__.a": "1",
        "interp:0/things['small']": "7", "builtins.len.__self__.__name__" if not truth.PY2 else "things['small']":
        "'builtins'" if not truth.PY2 else "7",
    }


if __name__ == "__main__":
    for name, make in MAKERS:
        add(name, make)
    if "generator" in things:
        next(things["generator"])
    work("argument")
