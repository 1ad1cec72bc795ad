# -*- coding: utf-8 -*-
"""Objects in which inspectors get lost: huge, deep, within themselves, freed, overwritten. extra.huge: {path: what
its text contains}, extra.broken: [path of what cannot be read], extra.gone: [address of what is no object]."""
import collections
import ctypes
import gc
import mmap
import os
import struct
import sys

import truth

gc.disable()
WORD = 8
MILLION = 10 ** 6
HEAD = object.__basicsize__


class Plain(object):
    def __init__(self, **values):
        self.__dict__.update(values)


def words(address, count, value):
    """Overwrites words of memory."""
    for index in range(count):
        ctypes.c_size_t.from_address(address + index * WORD).value = value(index) & (2 ** 64 - 1)


big = {
    "text": "x" * (100 << 20), "wide": u"\u20ac" * (20 << 20), "bytes": b"y" * (100 << 20),
    "dict": dict.fromkeys(range(MILLION)), "list": [None] * MILLION, "tuple": (1,) * MILLION, "set": set(range(20000)),
    "ordered": collections.OrderedDict.fromkeys(range(20000)), "counter": collections.Counter(range(20000)),
    "deque": collections.deque([None]) * MILLION if not truth.PY2 else collections.deque(range(MILLION)), "int": 1 << 8 * MILLION, "object": Plain(),
}
big["object"].__dict__.update(("name%d" % n, n) for n in range(100000))
marks = {
    "text": "104857600 characters", "wide": "20971520 characters", "bytes": "104857600 bytes",
    "dict": "more", "list": "more", "tuple": "more", "set": "more", "ordered": "more", "counter": "more", "deque": "more",
    "int": "of 8000001 bits", "object": "Plain at 0x",
}
if truth.PY2:
    marks["text"] = "104857600 bytes"
deep = {"list": [], "dict": {}, "tuple": (), "object": Plain(), "error": ValueError(), "deque": collections.deque()}
for _ in range(10000):
    deep = {
        "list": [deep["list"]], "dict": {1: deep["dict"]}, "tuple": (deep["tuple"],), "object": Plain(down=deep["object"]),
        "error": ValueError(deep["error"]), "deque": collections.deque([deep["deque"]]),
    }
own = {"list": [], "dict": {}, "object": Plain(), "deque": collections.deque(), "error": ValueError(),
       "ordered": collections.OrderedDict(), "default": collections.defaultdict(int)}
own["list"].append(own["list"])
own["dict"][1] = own["dict"]
own["object"].me = own["object"]
own["deque"].append(own["deque"])
own["error"].args = (own["error"],)
own["ordered"][1] = own["ordered"]
own["default"][1] = own["default"]


kept, fills = [], {
    "zeros": lambda index, at: 0, "ones": lambda index, at: -1, "itself": lambda index, at: at,
    "noise": lambda index, at: (index * 0x9e3779b97f4a7c15) >> 3,
    "flags": lambda index, at: at if index != 18 else 0x7fffffff,
}
broken, overwrites = {}, []
for name in fills:
    kept.append(type("Broken", (object,), {}))
    broken[name] = kept[-1]()
    # All but the head of the class.
    count = (type.__basicsize__ - HEAD) // WORD
    garbage = b"".join(struct.pack("<Q", fills[name](index, id(kept[-1])) & (2 ** 64 - 1)) for index in range(count))
    overwrites.append((id(kept[-1]) + HEAD, garbage))
# Objects with a sound class, and garbage in themselves.
for name, thing in ("list", [1, 2, 3]), ("dict", {1: 2}), ("set", set([1])), ("deque", collections.deque([1])):
    words(id(thing) + HEAD, min(6, (type(thing).__basicsize__ - HEAD) // WORD), lambda index: 0x4141414141414140)
    broken[name] = thing
texts = {"str": u"abc" * 40, "bytes": b"abc" * 40, "tuple": (1, 2, 3), "int": 1 << 300}
for name in texts:
    words(id(texts[name]) + HEAD, 2, lambda index: 2 ** 62 + 8)
    broken[name] = texts[name]

unmapped = mmap.mmap(-1, 1 << 16)
gone = ctypes.addressof(ctypes.c_char.from_buffer(unmapped)) if not truth.PY2 else 0
if not truth.PY2:
    unmapped.close()


if __name__ == "__main__":
    huge = dict(("big[%s]" % name, marks[name]) for name in big)
    huge.update(("deep[%s]" % name, "at 0x") for name in deep)
    huge.update(("own[%s]" % name, "at 0x" if name == "object" else "...") for name in own)
    # From here on the classes are no classes: nothing may touch them, not even the end of the program.
    for at, garbage in overwrites:
        ctypes.memmove(at, garbage, len(garbage))
    truth.tell_and_wait(with_locals_=False, huge=huge, broken=["broken[%s]" % name for name in broken],
                        gone=[hex(at).rstrip("L") for at in (gone, 0x10, 2 ** 47, id(kept) + 1) if at])
    os._exit(0)
