# -*- coding: utf-8 -*-
"""Values of types that have a text of their own, by name in `values`. extra.values: {name: what `repr` says; where
that version's says less, what the object's fields say}. extra.missing: kinds that this version has not."""
import collections
import datetime
import decimal
import fractions
import re
import sys
import time
import types
import uuid
import weakref

import truth

values = collections.OrderedDict()
missing = []
PY2 = truth.PY2


class Held(object):
    pass


class Failed(Exception):
    pass


# One that is called like pandas' tables.
Frame = type("DataFrame", (object,), {"__module__": "pandas", "_mgr": None})
# Classes of Python code that have the names of those of C code.
Alike, List, Cell = type("collections.deque", (object,), {}), type("list", (object,), {}), type("cell", (object,), {})


Point = collections.namedtuple("Point", "x y")
Empty = collections.namedtuple("Empty", "")
held = Held()
gone = weakref.ref(Held())


def ordered(*moves):
    made = collections.OrderedDict((n, [n]) for n in "abcde")
    del made["b"]
    for key in moves:
        value = made.pop(key)
        made[key] = value
    return made


def grown_deque():
    made = collections.deque(range(200))
    made.rotate(77)
    for _ in range(30):
        made.popleft()
    return made


def chained():
    try:
        try:
            raise KeyError("inner", 1)
        except KeyError:
            raise Failed(u"outer", [2], None)
    except Failed as error:
        return error


def noted():
    error = ValueError("with notes")
    error.add_note("first")
    return error


def own_error():
    error = ValueError()
    error.args = (error, 1)
    return error


NEW = '''
import enum, pathlib

def asked(path):
    str(path), path.parts
    return path

def parsed(path):
    path.parts
    return path

class Colour(enum.Enum):
    RED = 1
    BLUE = (2, "x")

class Number(enum.IntEnum):
    ONE = 1

class Bits(enum.IntFlag):
    R = 4
    W = 2

class Plain(enum.Flag):
    A = 1
    B = 2
'''
DATA = '''
import dataclasses
from typing import Any, ClassVar

@dataclasses.dataclass
class Data:
    a: int
    b: Any = "default"
    hidden: int = dataclasses.field(default=3, repr=False)
    shared: ClassVar[int] = 4
    kept: list = dataclasses.field(default_factory=list)

@dataclasses.dataclass
class Derived(Data):
    c: float = 0.5

@dataclasses.dataclass
class Slotted:
    __slots__ = ("x", "y")
    x: int
    y: int

def own():
    data = Data(1)
    data.b = data
    return data
'''


def pattern_text(pattern):
    """repr() of 3.4 and later."""
    flags = pattern.flags
    if not PY2 and not isinstance(pattern.pattern, bytes) and not flags & (re.L | 256) and flags & re.U:
        flags &= ~re.U
    names = [name for bit, name in (
        (1, "TEMPLATE"), (2, "IGNORECASE"), (4, "LOCALE"), (8, "MULTILINE"), (16, "DOTALL"), (32, "UNICODE"),
        (64, "VERBOSE"), (128, "DEBUG"), (256, "ASCII")) if flags & bit]
    end = ", " + "|".join("re." + name for name in names) if names else ""
    return "re.compile(%r%s)" % (pattern.pattern, end)


def told(name, value):
    if name.startswith("alike"):
        return "<%s at %s>" % (type(value).__name__, hex(id(value)).rstrip("L"))
    if "pathlib" in name:
        return repr(eval(name, space))  # the text of a path is kept by it: this one shall not have it
    if name == "own()":
        return "Data(a=1, b=Data(...), kept=[])"  # `repr` says three points
    if hasattr(value, "pattern"):
        text = pattern_text(value)
        assert sys.version_info < (3, 4) or text == repr(value), (text, repr(value))
        return text
    return repr(value)


def has(path):
    """Whether this version can make what a path begins with."""
    return path.split("[")[1].split("]")[0] in values and not PY2


def add(name, make):
    """Adds what `make` returns, where this version can make it."""
    try:
        values[name] = make() if callable(make) else eval(make, space)
    except Exception as error:  # whatever it lacks
        missing.append([name, repr(error)])


space = {}
for source in NEW, DATA:
    try:
        exec(source, space)
    except Exception as error:
        missing.append([source.split()[1], repr(error)])

D, dt, utc = decimal.Decimal, datetime, getattr(datetime, "timezone", None)
MAKERS = [
    ("date", lambda: dt.date(2026, 11, 30)), ("date_min", lambda: dt.date.min), ("date_max", lambda: dt.date.max),
    ("time", lambda: dt.time(12, 34)), ("time_s", lambda: dt.time(1, 2, 3)), ("time_us", lambda: dt.time(0, 0, 0, 7)),
    ("time_0", dt.time), ("time_max", lambda: dt.time.max), ("time_utc", lambda: dt.time(5, tzinfo=utc.utc)),
    ("time_fold", lambda: dt.time(5, fold=1)),
    ("datetime", lambda: dt.datetime(2026, 11, 30, 12, 34, 56, 789)), ("datetime_0", lambda: dt.datetime(1, 1, 1)),
    ("datetime_s", lambda: dt.datetime(1999, 12, 31, 23, 59, 59)),
    ("datetime_utc", lambda: dt.datetime(2026, 1, 2, tzinfo=utc.utc)),
    ("datetime_fold", lambda: dt.datetime(2026, 1, 2, 3, 4, 5, 6, utc(dt.timedelta(hours=-5, seconds=-1), "x"), fold=1)),
    ("delta", lambda: dt.timedelta(1, 2, 3)), ("delta_0", dt.timedelta), ("delta_s", lambda: dt.timedelta(0, 5)),
    ("delta_neg", lambda: dt.timedelta(-5, 0, 1)), ("delta_days", lambda: dt.timedelta(3)),
    ("utc", lambda: utc.utc), ("zone", lambda: utc(dt.timedelta(hours=1))),
    ("zone_name", lambda: utc(dt.timedelta(hours=1), u"caf\xe9")), ("zone_zero", lambda: utc(dt.timedelta(0), "zero")),
] + [("decimal_%d" % number, lambda text=text: D(text)) for number, text in enumerate((
    "1.25", "0", "-0.000", "1E+3", "12E3", "1E-6", "1E-7", "-1.234E-7", "0E+2", "NaN", "-NaN123", "sNaN", "Infinity",
    "-Infinity", "123456789012345678901234567890.5", "1" * 200, "1E+1000000", "1E-1000000", "10000000000000000000",
    "0.1000000000000000000000001", "-5"))] + [
    ("decimal_computed", lambda: D(2).sqrt() * D("1e10")),
    ("fraction", lambda: fractions.Fraction(-1, 3)), ("fraction_int", lambda: fractions.Fraction(7)),
    ("uuid", lambda: uuid.UUID(int=5)), ("uuid_full", lambda: uuid.UUID("12345678-1234-5678-9abc-def012345678")),
    ("pattern", lambda: re.compile("a(b)")), ("pattern_flags", lambda: re.compile("it's", re.I | re.S | re.X)),
    ("pattern_bytes", lambda: re.compile(b"\x00a", re.M)), ("pattern_ascii", lambda: re.compile(u"\xe9", 256)),
    ("pattern_unicode", lambda: re.compile(u"\xe9", re.U)), ("pattern_locale", lambda: re.compile(b"x", re.L)),
    ("point", lambda: Point(1, [2, "x"])), ("point_in", lambda: [Point(Point(None, 1.5), ())]),
    ("empty_tuple", lambda: Empty()), ("struct_time", lambda: time.gmtime(0)), ("flags", lambda: sys.flags),
    ("version", lambda: sys.version_info), ("stat", lambda: __import__("os").stat("/")),
    ("float_info", lambda: sys.float_info),
    ("space", lambda: types.SimpleNamespace(b=1, a=[2])), ("space_0", lambda: types.SimpleNamespace()),
    ("ordered", ordered), ("ordered_moved", lambda: ordered("a", "d")), ("ordered_0", collections.OrderedDict),
    ("ordered_ints", lambda: collections.OrderedDict([(3, None), (1, {})])),
    ("default", lambda: collections.defaultdict(list, x=[1])), ("default_none", lambda: collections.defaultdict(None, {1: 2})),
    ("default_0", lambda: collections.defaultdict(int)),
    ("counter", lambda: collections.Counter("abracadabra")), ("counter_0", collections.Counter),
    ("counter_neg", lambda: collections.Counter({1: -5, 2: 7, 3: 0})),
    ("alike", Alike), ("alike_list", List), ("alike_cell", Cell),
    ("alike_uuid", lambda: object.__new__(uuid.UUID)), ("alike_fraction", lambda: object.__new__(fractions.Fraction)),
    ("alike_path", lambda: object.__new__(__import__("pathlib").PurePosixPath)), ("alike_frame", Frame),
    ("alike_enum", lambda: object.__new__(space["Colour"])), ("deque", grown_deque), ("deque_max", lambda: collections.deque([1, [2]], 5)), ("deque_0", collections.deque),
    ("deque_max_0", lambda: collections.deque((), 0)),
    ("range", lambda: (xrange if PY2 else range)(5)), ("range_from", lambda: (xrange if PY2 else range)(2, 10)),
    ("range_step", lambda: (xrange if PY2 else range)(10, 2, -3)), ("range_huge", lambda: range(2 ** 70, 2 ** 80, 2)
                                                                  if not PY2 else None),
    ("slice", lambda: slice(1, None, 2)), ("slice_text", lambda: slice("a", (1,))),
    ("memory", lambda: memoryview(b"abc")), ("weak", lambda: weakref.ref(held)), ("weak_class", lambda: weakref.ref(Held)),
    ("weak_function", lambda: weakref.ref(ordered)), ("weak_dead", lambda: gone),
    ("proxy", lambda: types.MappingProxyType({"a": 1})), ("capsule", lambda: dt.datetime_CAPI),
    ("error", lambda: ValueError("x")), ("error_0", KeyError), ("error_2", lambda: OSError(2, "no such")),
    ("error_own", chained), ("error_cause", lambda: chained().__context__ if not PY2 else None), ("error_notes", noted),
    ("error_list", lambda: Failed([1, (2,)])), ("error_exit", lambda: SystemExit(3)),
    ("error_unicode", lambda: UnicodeDecodeError("ascii", b"\xff", 0, 1, "why")),
    ("group", lambda: ExceptionGroup("several", [ValueError(1), KeyError("k")])),  # noqa: F821
    ("stop", lambda: StopIteration(1)), ("syntax", lambda: SyntaxError("bad", ("f", 1, 2, "text"))),
] + [(text, text) for text in (
    "Colour.RED", "Colour.BLUE", "Number.ONE", "Bits.R", "Plain.B", "Data(1)", "Data(2, [3], 4, [5])", "Derived(1)",
    "Slotted(1, 2)", "[Data(1, Colour.RED)]", "own()",
    "pathlib.PurePosixPath('/a/b')", "pathlib.PurePosixPath()", "pathlib.PurePosixPath('a', '..', './b//c/')",
    "pathlib.PurePosixPath('//a', 'b')", "pathlib.PurePosixPath('///a', 'b')", "pathlib.Path('it\\'s')",
    "pathlib.PurePosixPath('/a') / 'b' / '/c' / 'd'", "asked(pathlib.Path('x/./y'))", "parsed(pathlib.Path('/x/./y'))",
    "pathlib.PurePosixPath('/x/y').parent", "parsed(pathlib.PureWindowsPath('c:\\\\a', 'b'))",
    "asked(pathlib.PureWindowsPath('//host/share/x'))", "pathlib.PurePosixPath('caf\\xe9\\udc80')",
)]

# What belongs to exceptions, by path.
PATHS = {
    "values[error_own].__context__.args": "('inner', 1)", "values[error_cause].args[1]": "1",
    "values[error_notes].__notes__": "['first']", "values[group].exceptions[1].args[0]": "'k'",
    "values[group].message": "'several'", "values[error_2].errno": "2", "values[stop].value": "1",
}

# Combinations of flags have a name from 3.11 on.
if sys.version_info >= (3, 11):
    MAKERS += [("Bits.R | Bits.W", "Bits.R | Bits.W"), ("Plain.A | Plain.B", "Plain.A | Plain.B")]


if __name__ == "__main__":
    for name, make in MAKERS:
        add(name, make)
    truth.tell_and_wait(with_locals_=False, missing=missing,
                        paths=dict((path, PATHS[path]) for path in PATHS if has(path)),
                        values=dict((name, truth.readable(told(name, values[name]))) for name in values))
