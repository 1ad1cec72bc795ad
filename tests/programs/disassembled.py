# -*- coding: utf-8 -*-
"""Functions of every kind, and what the interpreter's own dis says of each.

extra.codes: [{"what", "addr" (of a function, code object, method or generator), "code" (address of its code),
"instructions": [[offset, opname, arg, argrepr, line or null, is_jump_target], …], "positions": co_positions per
instruction or null, "hex": co_code, "adaptive": [opnames] or null, "table": exception table or null}].
extra.generators: addresses of generators that wait in a yield. extra.stands: {thread: {"function", "prefix": types
at the bottom of its value stack, "values": addresses that are on it, "current": opnames that it may execute,
"blocks": kinds of blocks (before 3.11), "handlers": whether an exception would be handled}}.
extra.scopes: [[name, kind], …] of the function `scoped`, extra.unbound: those of them that are not bound.

With "traced" as argument all is run while a trace function is set, which replaces instructions (3.12+).
"""
import dis
import io
import opcode
import os
import re
import sys
import types

import truth

PY2 = truth.PY2
TRACED = "traced" in sys.argv[1:]

# --- functions ---------------------------------------------------------------

SOURCE = [u'''
def loops(n):
    total = 0
    for i in range(n):
        while total < i * 3:
            total += 1
            if total % 7 == 2:
                continue
            if total > 1000:
                break
        else:
            total -= 1
    return [x * y for x in range(3) for y in (1, 2) if x], {k: 1 for k in "ab"}, {v for v in (1, 2)}
''', u'''
def handles(n):
    try:
        try:
            return 10 // n
        except (ZeroDivisionError, KeyError) as error:
            note = str(error)
            raise ValueError(note)
        else:
            note = None
        finally:
            n += 1
    except ValueError:
        pass
    finally:
        n -= 1
    with Manager() as one, Manager() as two:
        if n:
            return one, two
    del note
''', u'''
def globals_and_attributes(thing=None, *args, **options):
    global written
    written = len(args) if args else None
    thing = thing or Manager()
    thing.value = written
    thing.name = thing.__class__.__name__
    del thing.value
    return (thing is None, thing is not None, 1 in args, 2 not in args, thing == 3, not thing,
            -len(args), args[1:2], options.get("a", key_of(thing, b=2)) if options else None)
''', u'''
def closures(a):
    b = 2
    def inner(c=3, d=4):
        return a + b + c + (lambda e: e + d)(a)
    class Local(Manager):
        attribute = b
        def method(self):
            return __class__ if False else Local
    return inner, Local
''', u'''
def generates(items):
    got = yield 1
    for item in items:
        with Manager():
            try:
                got = yield (item, [item, (yield item)])
            except KeyError:
                yield "handled"
            finally:
                yield "finally"
    pair = max(len(items), (yield 2))
''', u'''
def operators(a, b):
    c = a + b, a - b, a * b, a // b, a % b, a ** 2, a << 1, a >> 1, a & b, a | b, a ^ b, ~a
    a += 1; a -= 1; a *= 2; a //= 1; a |= 1
    d, (e, f) = 1, (2, 3)
    return a < b <= 7 != 8, c[0], d and e or f, "%s" % a, a if b else c
''', u'''
def many_constants():
    return [%s]
''' % u", ".join(u"%d.5" % n for n in range(300)), u'''
def long_jump(n):
    while n:
        if n == 3:
            n -= 1
        %s
''' % u"\n        ".join(u"n = n + %d.25 - %d.25" % (k, k) for k in range(300)), u'''
def unicodes():
    return u"caf\\u00e9", b"bytes\\x00", "it's", 1e100, 3j, (), (1, (2, None)), True
''', u'''
def starred(*a, **k):
    first, *rest = a
    f = loops(*a[:1])
    return dict(**k, **k), [*a, *rest], {**k}, (*a,), {*a}, print(*a, sep="", file=null)
''', u'''
async def coroutine(thing):
    async with thing as one:
        async for item in thing:
            await item
            yield item
    return_value = [x async for x in thing]
''', u'''
async def awaits(thing):
    return await thing
''', u'''
def formats(a, b):
    return f"{a!r:>{b}} {b!s} {a:x} {a}", f"{b}"
''', u'''
def keywords(a, /, b: int, *, c: "str" = 1) -> float:
    def inner(x: a = b): return x
    return (y := a) + y
''', u'''
def matches(subject):
    match subject:
        case [1, 2, *rest]:
            return rest
        case {"key": value, **others}:
            return value, others
        case Manager(value=3) | "literal":
            return 3
        case _:
            return None
''', u'''
def groups():
    try:
        raise ValueError
    except* ValueError as group:
        return_value = group
''', u'''
def types[T: int, *Ts, **P](x: T) -> T:
    type Alias[U] = list[U]
    class Generic[V]: pass
    return Alias
''', u'''
def templates(a):
    return t"x{a!r:>3}y"
''', u'''
def hot(things, n):
    total = 0
    for i in range(n):
        point = things[i % len(things)]
        total += point.value + i
        if isinstance(point, Manager) and total > -1.5:
            things.append(point); things.pop()
            text = "a" + "b"; text += point.name
    return total
''']


class Manager(object):
    def __init__(self, value=1):
        super(Manager, self).__init__()
        self.value, self.name = value, "name"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return bool(exc[0])

    @classmethod
    def made(cls):
        return cls()

    @staticmethod
    def plain(x):
        return x

    @property
    def attribute(self):
        return self.value


def key_of(thing, b):
    return thing, b


null = open(os.devnull, "w")
names = {"Manager": Manager, "key_of": key_of, "null": null, "__name__": "made"}
for text in SOURCE:
    try:
        exec(compile(text, "<source %d>" % len(names), "exec"), names)
    except SyntaxError:
        pass  # newer than this Python

if TRACED:
    def tracer(frame, event, arg):
        if frame.f_code.co_name in ("loops", "hot"):
            if hasattr(frame, "f_trace_opcodes"):
                frame.f_trace_opcodes = True
        return tracer
    sys.settrace(tracer)

made = []
for _ in range(60):
    names["loops"](20)
    names["operators"](7, 3)
    names["hot"]([Manager(), Manager(2)], 30)
    made = names["closures"](1)
    made[0]()
    names["globals_and_attributes"](Manager(), 1, 2, a=3)
    names["many_constants"]()
    if "starred" in names:
        names["starred"](3, 4)
    if "formats" in names:
        names["formats"](5, 6)
for n in (0, 1, 2):
    names["handles"](n)
names["long_jump"](4) if False else None


# --- what dis says -----------------------------------------------------------

def told_by_dis(code):
    """[offset, opname, arg, argrepr, line, is_jump_target] of each instruction."""
    if PY2:
        kept, sys.stdout = sys.stdout, io.BytesIO()
        try:
            dis.disassemble(code)
            text = sys.stdout.getvalue()
        finally:
            sys.stdout = kept
        row = re.compile(r"^\s*(\d+)?\s+(>>)?\s*(\d+) (\S+)\s*(?:(\d+)\s*(?:\((.*)\))?)?\s*$")
        rows = [row.match(line).groups() for line in text.splitlines() if line.strip()]
        return [[int(offset), name, int(arg) if arg else None, truth.readable(said or ""), int(line) if line else None,
                 bool(mark)] for line, mark, offset, name, arg, said in rows]
    rows = []
    for one in dis.Bytecode(code):
        line = one.starts_line
        if line is True or line is False:
            line = one.line_number if line else None
        rows.append([one.offset, one.opname, one.arg, truth.readable(one.argrepr), line, bool(one.is_jump_target)])
    return rows


def fact(what, thing, code):
    instructions = told_by_dis(code)
    positions = adaptive = table = None
    if hasattr(code, "co_positions"):
        every = list(code.co_positions())
        positions = [every[row[0] // 2] for row in instructions]
        if not TRACED:
            adaptive = [one.opname for one in dis.get_instructions(code, adaptive=True)]
        table = [[e.start, e.end, e.target, e.depth, e.lasti] for e in dis._parse_exception_table(code)]
    return {"what": what, "addr": id(thing), "code": id(code), "instructions": instructions, "positions": positions,
            "hex": "".join("%02x" % byte for byte in bytearray(code.co_code)), "adaptive": adaptive, "table": table}


def inside(what, code, found):
    found.append(fact(what, code, code))
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            inside(what + "." + const.co_name, const, found)


# --- threads that stand ------------------------------------------------------

def block():
    os.read(truth.gate, 1)


def append_twice(seq, value):
    seq.append((seq, 0x51, value, block()))


def in_c(seq):
    return [seq, "bottom", os.read(truth.gate, 1), 3]


def nested(a, b):
    for x in a:
        for y in b:
            block()


def in_except(a):
    for x in a:
        try:
            {}[x]
        except KeyError:
            try:
                os.read(truth.gate, 1)
            finally:
                x = None


def in_finally(a):
    for x in a:
        try:
            pass
        finally:
            block()


def in_with(a):
    with Manager() as x:
        block()


def suspended():
    with Manager():
        for x in [1, 2]:
            for y in (3, 4):
                try:
                    len([x, y, (yield x)])
                except ValueError:
                    yield 5
                finally:
                    [x, max(y, (yield 6))]


def plain():
    yield 1
    yield 2


def delegates():
    for x in [1]:
        if PY2:
            for y in plain():
                yield y
        else:
            for y in names["delegate"](plain):
                yield y


if not PY2:
    exec("def delegate(plain):\n    x = 'below', (yield from plain()), 1\n", names)


def scoped(one, two=2, *args, **options):
    local = one
    shared = two

    def inner(x):
        return shared, one, x
    if inner is None:
        never = 1
    os.read(truth.gate, 1)
    return never, len, written_by_no_one


VALUE, LIST, PAIR = Manager(9), ["list"], (1, 2)


def start(name, function, *args):
    return truth.start(name, function, *args)


start("append_twice", append_twice, LIST, VALUE)
start("in_c", in_c, LIST)
start("nested", nested, LIST, PAIR)
start("in_except", in_except, LIST)
start("in_finally", in_finally, LIST)
start("in_with", in_with, LIST)
start("scoped", scoped, 1)

iterators = ["listiterator", "tupleiterator"] if PY2 else ["list_iterator", "tuple_iterator"]
if "FOR_ITER_VIRTUAL" in getattr(opcode, "_specialized_opmap", ()):
    iterators = ["list", "int", "tuple", "int"]  # with an index in a place of its own (3.15)
calls = ["CALL", "CALL_FUNCTION", "CALL_METHOD", "CALL_KW"]
stands = {
    "append_twice": {"function": "append_twice", "values": [id(LIST), id(VALUE)], "prefix": [], "blocks": [], "handlers": False},
    "in_c": {"function": "in_c", "values": [id(LIST)], "prefix": ["list", "str"], "blocks": [], "handlers": False},
    "nested": {"function": "nested", "values": [], "prefix": iterators, "blocks": ["SETUP_LOOP", "SETUP_LOOP"],
               "handlers": False},
    "in_except": {"function": "in_except", "values": [], "prefix": iterators[:len(iterators) // 2],
                  "blocks": ["SETUP_LOOP"] + ([] if PY2 else ["EXCEPT_HANDLER"]) + ["SETUP_FINALLY"], "handlers": True},
    "in_finally": {"function": "in_finally", "values": [], "prefix": iterators[:len(iterators) // 2], "blocks": ["SETUP_LOOP"],
                   "handlers": False},
    "in_with": {"function": "in_with", "values": [], "prefix": [], "blocks": ["SETUP_WITH", "SETUP_FINALLY"],
                "handlers": True},
}
for stand in stands.values():
    stand["current"] = calls
    if "SETUP_LOOP" not in dis.opmap:
        stand["blocks"] = [kind for kind in stand["blocks"] if kind != "SETUP_LOOP"]
stands["in_with"]["blocks"] = ["SETUP_WITH"] if PY2 else ["SETUP_FINALLY"]

generators = []
for steps in range(1, 14):
    for how in (suspended, delegates, plain):
        one = how()
        try:
            for step in range(steps):
                if step == 5:
                    one.throw(ValueError("sent"))
                else:
                    next(one)
        except (StopIteration, ValueError):
            continue
        generators.append(one)
if not PY2:
    one = names["delegate"](plain)
    next(one)
    generators.append(one)

if __name__ == "__main__":
    sys.settrace(None) if not TRACED else None
    codes = []
    for name, thing in sorted(names.items()):
        if isinstance(thing, types.FunctionType):
            codes.append(fact("function " + name, thing, thing.__code__))
            for const in thing.__code__.co_consts:
                if isinstance(const, types.CodeType):
                    inside(name + "." + const.co_name, const, codes)
    module = compile(u"\n".join(SOURCE[:6]) + u"\nimport os.path as p\nfrom os import *\nx = p\n", "<module>", "exec")
    inside("module", module, codes)
    bound = Manager().__enter__
    kept = [bound, Manager.made, Manager.__dict__["made"], Manager.__dict__["plain"], Manager.__dict__["attribute"]]
    for thing in kept:
        function = thing
        while not hasattr(function, "__code__"):
            function = getattr(function, "__func__", None) or function.fget
        codes.append(fact("wrapped " + repr(type(thing)), thing, function.__code__))
    for one in generators[:3]:
        codes.append(fact("generator", one, one.gi_code))
    frame = [f for f in sys._current_frames().values() if f.f_code.co_name == "scoped"]
    code = scoped.__code__
    kinds = [[n, "argument"] for n in ("one", "two", "args", "options")]
    kinds += [[n, "local"] for n in code.co_varnames[4:] if n not in code.co_cellvars]
    kinds += [["shared", "cell"], ["os", "global"], ["truth", "global"], ["len", "global"],
              ["written_by_no_one", "global"]]
    kinds = [kind for kind in kinds if kind[0] != "os" or True]
    truth.tell_and_wait(with_locals_=False, codes=codes, generators=[id(g) for g in generators], stands=stands,
                        scopes=kinds, unbound=["never"])
