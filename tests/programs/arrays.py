# -*- coding: utf-8 -*-
"""numpy arrays and scalars, by name in `values`. extra.values: {name: text}; extra.facts: {name: {fact: value}}.
Skipped where this Python has no numpy."""
import os
import sys

import truth

CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
READERS = os.environ.get("PITVIPER_READERS") or os.path.join(CACHE, "pitviper", "readers")
sys.path.insert(0, os.path.join(READERS, "arrays-%d.%d" % sys.version_info[:2]))
try:
    import numpy as np
except ImportError:
    truth.skip("it has no numpy")

values = {}


def item(value):
    """The text of an element: as numpy 2 writes it in a scalar, without its type."""
    kind = value.dtype.kind
    if kind == "M":
        return "'%s'" % value
    if kind == "m":
        return "'NaT'" if np.isnat(value) else str(value.astype("i8"))
    if value.dtype == np.float32:
        return repr(float(str(value)))
    if value.dtype == np.complex64:
        return repr(complex(float(str(value.real)), float(str(value.imag))))
    return repr(value.item())


def nested(array):
    if array.ndim == 0:
        return item(array[()]) if array.dtype.kind != "O" else truth.text(array[()])
    return "[%s]" % ", ".join(nested(array[n:n + 1].reshape(array.shape[1:])) if array.ndim == 1
                              else nested(array[n]) for n in range(len(array)))


def told(value):
    if pd is not None and isinstance(value, (pd.DataFrame, pd.Series)):
        return told_table(value)
    if isinstance(value, np.ndarray):
        return "array(%s, shape=%r, dtype=%s)" % (nested(value), value.shape, value.dtype)
    if isinstance(value, np.dtype):
        return "dtype('%s')" % value
    name = type(value).__name__
    if value.dtype.kind == "b":
        return "np.%s_" % bool(value)
    if value.dtype.kind == "M" and np.isnat(value):
        return "np.datetime64('NaT','s')"  # older ones leave the unit out
    if value.dtype.kind == "m":
        return repr(value).replace("numpy.", "np.")
    text = "np.%s(%s)" % (name, item(value).strip("()"))
    assert np.__version__[0] == "1" or value.dtype == np.float16 or text == repr(value), (text, repr(value))
    return text


def facts(array):
    return {"dtype": str(array.dtype), "shape": repr(array.shape), "strides": repr(array.strides),
            "nbytes": array.nbytes, "data": hex(array.ctypes.data), "c_contiguous": array.flags.c_contiguous,
            "f_contiguous": array.flags.f_contiguous, "owndata": array.flags.owndata,
            "writeable": array.flags.writeable}


base = np.arange(24, dtype="i4").reshape(2, 3, 4)
values["ints"] = np.array([1, -2, 3])
for kind in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 >i4 >f8 ?".split():
    values["of_" + kind] = np.array([0, 1, 100], dtype=kind)
values["base"], values["steps"], values["back"] = base, base[:, ::2, 1:3], base[::-1, :, ::-1]
values["turned"], values["fortran"] = base.T, np.asfortranarray(base[0])
values["none"], values["zero"], values["empty"] = np.array(5.5), np.zeros((0,)), np.zeros((2, 0))
values["floats"] = np.array([0.1, np.nan, np.inf, -0.0, 1e300])
values["singles"] = np.array([0.1, 1 / 3.0, 1e-30], dtype="f4")
values["text"], values["bytes"] = np.array([u"a", u"caf\xe9", u""]), np.array([b"a", b"b'c"])
values["objects"] = np.array([None, "x", [1, 2]], dtype=object)
for unit in "D h m s ms us ns W".split():
    values["time_" + unit] = np.array(["2020-02-29", "1969-12-31", "NaT"], dtype="M8[%s]" % unit)
values["deltas"] = np.array([5, -1], dtype="m8[ms]")
values["tens"] = np.array([5, -1], dtype="m8[10s]")
values["read_only"] = np.arange(3)
values["read_only"].flags.writeable = False
for kind in "int8 int16 int32 int64 uint8 uint64 float16 float32 float64 complex64 complex128".split():
    values["scalar_" + kind] = getattr(np, kind)(7)
values["scalar_true"], values["scalar_third"] = np.bool_(True), np.float32(1 / 3.0)
values["scalar_time"], values["scalar_nat"] = np.datetime64("2020-01-01T01:02:03"), np.datetime64("NaT", "s")
values["scalar_delta"] = np.timedelta64(5, "D")
values["dtype"], values["dtype_time"] = np.dtype("f4"), np.dtype("M8[ns]")
try:
    import pandas as pd
except ImportError:
    pd = None
if pd is not None:
    values["frame"] = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2, 3], "e": [4, 5, 6]}, index=[10, 20, 30])
    values["frame"]["d"] = np.array([True, False, True])
    values["mixed"] = pd.DataFrame({"s": ["x", "y", None], "t": pd.to_datetime(["2020-01-01"] * 3), "n": [1, 2, 3]})
    values["numbered"] = pd.DataFrame(np.zeros((4, 2), dtype="f4"))
    values["no_rows"] = pd.DataFrame({"a": np.array([], dtype="i8")})
    values["series"], values["column"] = pd.Series([1.5, 2.5], name="prices"), values["frame"]["e"]
    values["unnamed"] = pd.Series(np.arange(3))


def held(array):
    """What a column holds: the name of the dtype of numpy's arrays, else that of the class."""
    return str(array.dtype) if isinstance(array, np.ndarray) else type(array).__name__


def told_table(table):
    blocks = table._mgr.blocks
    if all(isinstance(block.values, np.ndarray) for block in blocks):
        end = ", bytes=%d)" % (table.memory_usage(index=False).sum() if table.ndim == 2 else table.memory_usage(index=False))
    else:
        end = ")"
    if table.ndim == 1:
        return "Series(%s, name=%s, shape=%r, dtype=%s%s" % (
            nested(table.values), truth.text(table.name), table.shape, held(table._mgr.blocks[0].values), end)
    kinds = dict((n, held(block.values)) for block in blocks for n in block.mgr_locs)
    columns = ", ".join("%s: %s" % (truth.text(table.columns.tolist()[n]), kinds[n]) for n in range(len(kinds)))
    return "DataFrame(shape=%r, dtypes={%s}%s" % (table.shape, columns, end)


big = np.arange(10 ** 6).reshape(1000, 1000)

if __name__ == "__main__":
    arrays = [name for name in values if isinstance(values[name], np.ndarray)]
    truth.tell_and_wait(with_locals_=False, numpy=np.__version__, values=dict((n, told(values[n])) for n in values),
                        facts=dict((n, facts(values[n])) for n in arrays), python=sys.version)
