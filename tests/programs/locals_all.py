# -*- coding: utf-8 -*-
"""Every kind of local variable and every type of value that has a text."""
import collections
import functools
import os
import sys
import types

import truth


class Plain(object):
    def __init__(self, **values):
        self.__dict__.update(values)

    def method(self):
        pass


class Slots(object):
    __slots__ = ("first", "second")


class Managed(object):
    """Attributes set in __init__: inline values (3.11+), split keys before."""

    def __init__(self):
        self.one, self.two = 1, "two"


class Loud(object):
    def __repr__(self):
        return "never asked"


class Meta(type):
    def __repr__(cls):
        return "never asked either"


WithMeta = Meta("WithMeta", (object,), {"value": 1})


class Integer(int):
    pass


class Text(str):
    pass


class List(list):
    pass


class Dict(dict):
    pass


class Old:
    pass


Point = collections.namedtuple("Point", "x y")


def numbers():
    none, yes, no = None, True, False
    zero, one, minus = 0, 1, -1
    small, large = -5, 256
    digit, two_digits = (1 << 30) - 1, 1 << 30
    digit15, negative_digit = 1 << 15, -(1 << 30)
    int63, int64, huge, negative = (1 << 63) - 1, 1 << 64, 2 ** 1000, -2 ** 1000
    maxsize, over = sys.maxsize, sys.maxsize + 1
    nan, inf, minus_inf = float("nan"), float("inf"), -float("inf")
    float_zero, minus_zero = 0.0, -0.0
    e16, e15, e_5, e_4, e300, tenth = 1e16, 1e15, 1e-5, 1e-4, 1e300, 0.1
    third, tiny, largest, whole = 1 / 3.0, 5e-324, 1.7976931348623157e308, 123456789.0
    imaginary, both, minus_both = 2j, 1 + 2j, complex(-0.0, -0.0)
    complex_nan, complex_inf, complex_zero = complex("nan"), complex(1, float("inf")), 0j
    complex_minus = complex(1.5, -2)
    integer = Integer(7)
    truth.tell_and_wait()
    return [v for v in locals().values()]


def strings():
    empty, letter, word = "", "a", "word"
    latin, latin_high = u"caf\xe9", u"\xff\x80\xa0\xad"
    cjk, bmp_odd = u"\u6f22\u5b57", u"\u200b\u2028\ufeff\ue000"
    astral, flag = u"\U0001f600", u"x\U0001f1eb\U0001f1f7\U0010ffff"
    mixed = u"a\xe9\u6f22\U0001f600"
    controls, escapes = "\x00\x01\x1b[31m\x7f", "\t\n\r\\"
    single, double, both = "it's", 'say "hi"', "it's \"both\""
    surrogate, pair = u"\ud800", u"\udcff lone"
    combining, rtl = u"e\u0301", u"\u202etxt"
    octets, octets_quotes = b"", b"it's \"both\" \x00\xff\n\\"
    octets_single, all_octets = b"it's", bytes(bytearray(range(256)))
    array, empty_array = bytearray(b"it's \"both\"\x00\xff"), bytearray()
    resized = bytearray(b"0123456789")
    del resized[:3]
    interned, built = sys.intern("interned") if not truth.PY2 else intern("interned"), "".join(["bu", "ilt"])  # noqa
    long_text = "x" * 900
    text = Text("sub")
    os.read(truth.gate, 1)


def containers():
    empty_tuple, one_tuple, pair, nested = (), (1,), (1, "two"), ((), (1,), [2, (3,)])
    empty_list, one_list, more = [], [None], [1, 2.5, "x", [True]]
    grown = []
    for item in range(10):
        grown.append(item)
    shrunk = list(range(20))
    del shrunk[5:]
    empty_dict, text_keys = {}, {"a": 1, "b": [2]}
    unicode_keys, integer_keys = {u"\xe9": 1, u"\u6f22": u"\U0001f600"}, {1: "one", -1: None, 2 ** 70: 3}
    mixed_keys = {None: 1, (1, 2): 3, 2.5: "x", "s": {}}
    deleted = dict.fromkeys("abcdefghij")
    for key in "aceg":
        del deleted[key]
    emptied = {1: 2}
    emptied.clear()
    popped = {"x": 1}
    popped.pop("x")
    large_dict = dict((n, n * n) for n in range(40))
    split = Managed().__dict__
    split_changed = Managed().__dict__
    split_changed["three"] = 3
    split_deleted = Managed().__dict__
    del split_deleted["one"]
    empty_set, one_set, many = set(), {1}, {1, 2, "three", (4,), None}
    set_deleted = set(range(20))
    set_deleted -= set(range(3, 17))
    large_set = set(range(0, 400, 10))
    empty_frozen, frozen, set_of = frozenset(), frozenset([1, "x"]), {frozenset([1]), frozenset()}
    own = [1]
    own.append(own)
    own_dict = {}
    own_dict["me"] = own_dict
    shared = [own, own_dict, own]
    os.read(truth.gate, 1)


def objects():
    plain, empty, many_attributes = Plain(a=1, b="x"), Plain(), Plain(**dict(("k%d" % n, n) for n in range(40)))
    slots, partly = Slots(), Slots()
    slots.first, slots.second, partly.first = 1, "two", 3
    managed, materialised, changed, deleted = Managed(), Managed(), Managed(), Managed()
    materialised.__dict__
    changed.three = 3
    del deleted.one
    loud, point, ordered = Loud(), Point(1, 2), collections.OrderedDict([(1, 2)])
    counter, default, queue = collections.Counter("ab"), collections.defaultdict(list), collections.deque([1])
    sub_list, sub_dict, sub_int = List([1]), Dict(a=1), Integer(5)
    old, old_class = Old(), Old
    function, method, unbound, builtin = numbers, plain.method, Plain.method, len
    bound_builtin, nested_function, partial = [].append, (lambda: None), functools.partial(len, ())
    module, package, code, frame = sys, os.path, numbers.__code__, sys._getframe()
    cls, meta, with_meta, builtin_class, exception_class = Plain, Meta, WithMeta, int, ValueError
    generator = (n for n in (1, 2))
    iterator, view, slicing = iter([1]), {}.keys(), slice(1, 2)
    error, ellipsis, not_implemented = ValueError("x"), Ellipsis, NotImplemented
    numbers_range, memory, anything = range(3), memoryview(b"x"), object()
    prop, static, klass = property(), staticmethod(len), classmethod(len)
    in_list = [plain, Plain, numbers, sys, slots, (old,), {"k": loud}]
    space = types.ModuleType("made")
    del queue
    os.read(truth.gate, 1)


def arguments(one, two=2, *rest, **options):
    last = "local"
    os.read(truth.gate, 1)


def no_extra(one, two=2, *rest, **options):
    os.read(truth.gate, 1)


def unbound(flag):
    bound = 1
    if not flag:
        never = 1  # noqa: F841
    removed = 2
    del removed
    flag2 = flag
    del flag
    os.read(truth.gate, 1)
    return bound, flag2


def cells(argument, plain, *star, **stars):
    captured = "captured"
    unset = 1
    del_me = "gone"
    local = "local"

    def inner(own, own_cell):
        own_local = [argument]

        def innermost():
            here = own_cell
            os.read(truth.gate, 1)
            return here, own_cell, captured, star, argument, own_local
        return innermost()

    def other():
        return unset, stars, later
    if truth.PY2:
        inner("own", [captured, local])
    else:
        inner("own", own_cell=[captured, local])
    later = 1
    return other, del_me, plain


def shadowed(x):
    x = [x, x]
    y = lambda: x  # noqa: E731
    x.append(3)
    os.read(truth.gate, 1)
    return y


PYTHON3 = '''
def keyword_only(a, *, b, c=3, **d):
    e = lambda: (a, c)
    os.read(truth.gate, 1)

def all_kinds(a, b=2, *c, d, e=5, **f):
    g = 7
    os.read(truth.gate, 1)

class WithClassCell:
    def method(self, x):
        super().__init__()
        os.read(truth.gate, 1)
        return __class__

def nonlocal_change():
    count = 1
    def change():
        nonlocal count
        count = "changed"
        os.read(truth.gate, 1)
    change()
    return count

def handled():
    try:
        raise KeyError("x")
    except KeyError as error:
        os.read(truth.gate, 1)

def handled_before():
    try:
        raise KeyError("x")
    except KeyError as error:
        after = 1
    os.read(truth.gate, 1)

SHAPES += [
    (keyword_only, (1,), {"b": 2, "x": 9}), (all_kinds, (1, 2, 3, 4), {"d": 5, "z": 6}),
    (all_kinds, (1,), {"d": 5}), (WithClassCell().method, ("x",), {}), (nonlocal_change, (), {}),
    (handled, (), {}), (handled_before, (), {}),
]
'''
POSITIONAL_ONLY = '''
def positional_only(a, b=2, /, c=3, *, d=4, **e):
    os.read(truth.gate, 1)

SHAPES.append((positional_only, (1,), {"a": "in e", "d": 5}))
'''

SHAPES = [
    (strings, (), {}), (containers, (), {}), (objects, (), {}), (unbound, (True,), {}),
    (arguments, (1,), {}), (arguments, (1, "two", 3, [4]), {"key": "word"}), (no_extra, ("x",), {}),
    (cells, ([1], "plain", 3, 4), {"k": "v"}), (shadowed, (1,), {}),
]

if __name__ == "__main__":
    if not truth.PY2:
        exec(compile(PYTHON3, "<since 3.0>", "exec"), globals())
    if sys.version_info >= (3, 8):
        exec(compile(POSITIONAL_ONLY, "<since 3.8>", "exec"), globals())
    for number, (function, args, options) in enumerate(SHAPES):
        truth.start("%s-%d" % (function.__name__, number), functools.partial(function, *args, **options))
    numbers()
    os._exit(0)
