# -*- coding: utf-8 -*-
"""Classes of C code and of Python code, with the slots that they have.

extra.classes: {path: {slots: {name: whether the class has it}, subclasses: their names, or null}}; extra.functions:
{path: the C functions that may be behind it}: which one depends on the version; extra.exported: {path: {slot: the
function, which the interpreter exports}}.
"""
import gc
import sys

import truth


class Plain(object):
    pass


class Adder(Plain):
    def __add__(self, other):
        return self

    def __matmul__(self, other):
        return self

    def __call__(self):
        return self

    def __len__(self):
        return 0

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration
    next = __next__

    def __await__(self):
        return self

    def __get__(self, instance, owner):
        return self


class Last(Adder, int):
    pass


# Which method means that a class has which slot.
SLOTS = {
    "__add__": "nb_add", "__call__": "tp_call", "__len__": "mp_length", "__iter__": "tp_iter", "__get__": "tp_descr_get",
    "__await__": "am_await", "__matmul__": "nb_matrix_multiply", "__lshift__": "nb_lshift",
    "__index__": "nb_index", "__ior__": "nb_inplace_or", "__init__": "tp_init", "__hash__": "tp_hash",
    "__contains__": "sq_contains", "__delitem__": "mp_ass_subscript",
}
if truth.PY2:
    SLOTS.update({"__div__": "nb_divide", "__oct__": "nb_oct"})
if sys.version_info < (3, 5):
    del SLOTS["__matmul__"], SLOTS["__await__"]

NAMED = {"int": int, "float": float, "object": object, "__main__.Plain": Plain, "__main__.Adder": Adder,
         "__main__.Last": Last, "type": type, "dict": dict, "slice": slice}


def has(cls, method):
    """Whether instances of the class have the method: not the class itself."""
    for base in cls.__mro__:
        if method in base.__dict__:
            return base.__dict__[method] is not None
    return False


def describe(cls):
    # A list adds by another slot, and so may others.
    slots = dict((slot, has(cls, method)) for method, slot in SLOTS.items() if method != "__hash__" or has(cls, method))
    derived = cls.__subclasses__() if cls is not type else type.__subclasses__(type)
    return {"slots": slots, "subclasses": sorted(one.__name__.split(".")[-1] for one in derived)}


# No class may go while they are counted.
gc.collect()
gc.disable()
truth.tell_and_wait(
    classes=dict((path, describe(cls)) for path, cls in NAMED.items()),
    functions={
        "len": ["builtin_len"], "list.append": ["listappend", "list_append"], "dict.get": ["dict_get"],
        "int.__add__": ["int_add", "long_add", "long_add_method"], "list.__len__": ["list_length"],
        "float.real": ["float_float", "float_getreal", "float_real_get", "float_get_real"],
    },
    exported={"object": {"tp_getattro": "PyObject_GenericGetAttr", "tp_alloc": "PyType_GenericAlloc"}},
)
