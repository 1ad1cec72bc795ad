# -*- coding: utf-8 -*-
"""The interpreter states the truth about itself: one line of JSON on stdout.

Every program of this folder brings its threads into a state, calls
tell_and_wait(), and so stays until stdin gives a newline or ends.
README.md describes the protocol. Runs on CPython 2.7 and 3.6 to 3.15.
"""
import itertools
import json
import os
import sys
import threading
import time
import types

try:
    import thread  # 2.7
except ImportError:
    pass

PY2 = sys.version_info[0] == 2
HERE = os.path.dirname(os.path.abspath(__file__))
# What to execute for this Python: sys.executable needs the script that it was started by, if there is one.
PYTHON = os.environ.get("PITVIPER_TEST_PYTHON", sys.executable)
SELF = (lambda: 0).__code__.co_filename
OPTIMIZED, VARARGS, VARKEYWORDS = 1, 4, 8
if PY2:
    TEXTS, INTEGERS, OLD_CLASS = (str, unicode), (int, long), types.ClassType  # noqa: F821
    ATOMS = (type(None), bool, int, long, float, complex)  # noqa: F821
else:
    TEXTS, INTEGERS, OLD_CLASS = (str, bytes), (int,), ()
    ATOMS = (type(None), bool, int, float, complex)

# Encoders are imported when first used; on 2.7 an import waits for a thread that imports.
for _name in "ascii", "utf-8", "latin-1":
    u"".encode(_name)
b"".decode("latin-1")
if sys.version_info < (3, 8):
    import ctypes  # noqa: F401  (for gettid)

# Types of the standard library whose `repr` pitviper writes, where it says anything (tests/programs/valued.py).
OWN_TEXT = set("collections.OrderedDict collections.defaultdict collections.Counter collections.deque "
               "_collections.OrderedDict datetime.date datetime.time datetime.datetime datetime.timedelta "
               "datetime.timezone decimal.Decimal fractions.Fraction uuid.UUID types.SimpleNamespace "
               "builtins.range builtins.slice builtins.memoryview builtins.PyCapsule __builtin__.xrange "
               "__builtin__.slice __builtin__.memoryview __builtin__.PyCapsule __builtin__.weakref "
               "builtins.weakref weakref.ReferenceType weakref.weakref".split())

# Above these the text is null: the reader must not fail, no more is asked.
LONGEST, MOST, DEEPEST = 1000, 50, 20


# --- threads ---------------------------------------------------------------

_native_ids = {}


def gettid():
    """The kernel's id of the calling thread."""
    if hasattr(threading, "get_native_id"):
        return threading.get_native_id()
    return int(ctypes.CDLL(None).syscall(186))


def register():
    """Note the native id of the calling thread (needed where it was not made by Thread)."""
    _native_ids[_ident()] = gettid()


class Thread(threading.Thread):
    """A thread whose native id is known on every version, without a frame of its own."""

    if sys.version_info < (3, 8):
        def _set_ident(self):
            threading.Thread._set_ident(self)
            _native_ids[self.ident] = gettid()


def start(name, target, *args, **options):
    """Start a (daemon) thread; returns it when it runs."""
    made = Thread(target=target, args=args, name=name)
    made.daemon = options.get("daemon", True)
    made.start()
    while threading._active.get(made.ident) is not made and made.is_alive():
        time.sleep(0.001)  # start() returns before it is listed
    return made


def native_id(ident):
    """The native id of a thread of this process, or None."""
    if ident == _ident():
        return gettid()
    known = threading._active.get(ident)
    if type(known).__name__ == "_MainThread":
        return os.getpid()
    return _native_ids.get(ident) or getattr(known, "native_id", None)


def _ident():
    return thread.get_ident() if PY2 else threading.get_ident()


def allow_depth(depth):
    """Let threads started from now on make so many calls, where each costs C stack too."""
    if depth > 500:
        sys.setrecursionlimit(depth + 1000)
        threading.stack_size(512 << 20)


# --- time -------------------------------------------------------------------

if hasattr(time, "clock_gettime"):
    def clock(number):
        """A clock of clock_gettime(2): 1 is CLOCK_MONOTONIC, 3 is CLOCK_THREAD_CPUTIME_ID. In ns."""
        return int(time.clock_gettime(number) * 1e9)
else:
    class _Timespec(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    _libc = ctypes.CDLL(None)

    def clock(number):
        """As above."""
        now = _Timespec()
        _libc.clock_gettime(number, ctypes.byref(now))
        return now.seconds * 10 ** 9 + now.nanoseconds


# --- a gate: threads that read it block until release() ----------------------

gate, _gate_end = os.pipe()


def release():
    """Let every thread go that waits in os.read(truth.gate, 1)."""
    global _gate_end
    if _gate_end is not None:
        os.close(_gate_end)
        _gate_end = None


# --- blocked or not ---------------------------------------------------------

def _look(tid):
    """State, system call and context switches of a thread: equal twice = it did not run."""
    try:
        with open("/proc/self/task/%d/stat" % tid, "rb") as f:
            state = f.read().rpartition(b")")[2].split()[0]
        with open("/proc/self/task/%d/syscall" % tid, "rb") as f:
            call = f.read()
        with open("/proc/self/task/%d/status" % tid, "rb") as f:
            switches = [l for l in f.read().splitlines() if b"ctxt_switches" in l]
        return state, call, switches
    except (IOError, OSError):
        return None


def wait_blocked(tids, syscall=None, timeout=60, fd=None):
    """Wait until the threads are blocked in a system call and stay there.

    Three equal looks, the GIL given away between them: a thread that only waited
    for the GIL has run in between. `syscall`: insist on this number, `fd`: on this first
    argument, for reading a file from a slow disk takes as long.
    """
    tids = set([tids] if isinstance(tids, INTEGERS) else tids)
    last, same, end = {}, dict.fromkeys(tids, 0), time.time() + timeout
    while tids:
        for tid in list(tids):
            now = _look(tid)
            good = now and now[0] in b"SD" and now[1].strip() != b"running"
            if good and syscall is not None:
                call = now[1].split()
                good = call[0] == str(syscall).encode() and (fd is None or int(call[1], 16) == fd)
            same[tid] = same[tid] + 1 if good and last.get(tid) == now else 0
            last[tid] = now
            if same[tid] >= 2:
                tids.discard(tid)
        if time.time() > end:
            raise RuntimeError("not blocked: %r" % [(t, last[t]) for t in tids])
        time.sleep(0.003)


# --- the text of a value, as pitviper writes it ------------------------------

class TooBig(Exception):
    """Beyond what the truth compares."""


def text(value):
    """Pitviper's text of a value; None where it is too big to be compared."""
    try:
        result = readable(_text(value, []))
        return result if len(result) <= LONGEST else None
    except TooBig:
        return None


def _text(value, outer):
    kind = type(value)
    if kind in INTEGERS and value.bit_length() > 3000:
        raise TooBig
    if kind in ATOMS or value is Ellipsis or value is NotImplemented:
        return repr(value)
    if kind in TEXTS or kind is bytearray:
        if len(value) > LONGEST:
            raise TooBig
        return repr(value)
    if kind in (tuple, list, dict, set, frozenset):
        return _container(kind, value, outer)
    if OLD_CLASS and kind is OLD_CLASS or kind is types.FunctionType:
        return repr(value)
    if issubclass(kind, type):  # never isinstance(): it asks the value for __class__
        return type.__repr__(value)
    if issubclass(kind, BaseException):
        inside = ", ".join(_text(item, outer + [value]) for item in value.args)
        comma = "," if len(value.args) == 1 and sys.version_info < (3, 7) else ""
        return "%s(%s%s)" % (kind.__name__, inside, comma)
    if kind.__name__ == "mappingproxy":
        return "mappingproxy(%s)" % _container(dict, dict(value), outer)
    if type(kind).__name__ in ("EnumMeta", "EnumType") or hasattr(kind, "__dataclass_fields__"):
        return repr(value)
    if kind.__module__ + "." + kind.__name__ in OWN_TEXT or issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return repr(value)
    if PY2 and kind is types.InstanceType:
        kind = value.__class__
    return "<%s at %s>" % (type.__dict__["__name__"].__get__(kind) if isinstance(kind, type)
                           else kind.__name__, hex(id(value)).rstrip("L"))


def _container(kind, value, outer):
    if any(value is other for other in outer):
        return {tuple: "(...)", list: "[...]", dict: "{...}"}.get(kind, kind.__name__ + "(...)")
    if len(value) > MOST or len(outer) > DEEPEST:
        raise TooBig
    outer = outer + [value]
    if kind is dict:
        return "{%s}" % ", ".join(_text(k, outer) + ": " + _text(v, outer) for k, v in value.items())
    inside = ", ".join(_text(item, outer) for item in value)
    if kind is list:
        return "[%s]" % inside
    if kind is tuple:
        return "(%s,)" % inside if len(value) == 1 else "(%s)" % inside
    if PY2:
        return "%s([%s])" % (kind.__name__, inside)
    if not value:
        return kind.__name__ + "()"
    return "{%s}" % inside if kind is set else "%s({%s})" % (kind.__name__, inside)


def readable(name):
    """A str that JSON in UTF-8 can carry: lone surrogates become \\udc80 as text."""
    if name is None:
        return None
    if isinstance(name, bytes):
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            return name.decode("latin-1")
    if PY2:
        return name
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


# --- frames -----------------------------------------------------------------

def locals_of(frame):
    """[[name, kind, text], …]; None where names are no slots (modules, class bodies)."""
    code = frame.f_code
    if not code.co_flags & OPTIMIZED:
        return None
    count = code.co_argcount + getattr(code, "co_kwonlyargcount", 0)
    count += bool(code.co_flags & VARARGS) + bool(code.co_flags & VARKEYWORDS)
    arguments = code.co_varnames[:count]
    wanted = [(n, "argument") for n in arguments]
    wanted += [(n, "local") for n in code.co_varnames[count:] if n not in code.co_cellvars]
    wanted += [(n, "cell") for n in code.co_cellvars if n not in arguments]
    wanted += [(n, "free") for n in code.co_freevars]
    values = frame.f_locals
    return [[readable(name), kind, text(values[name])] for name, kind in wanted
            if not name.startswith(".") and name in values]


_positions = {}


def positions_of(frame):
    """(end_line, column, end_column) of the instruction being executed."""
    code = frame.f_code
    if not hasattr(code, "co_positions"):
        return None, None, None
    key = (id(code), frame.f_lasti)
    if key not in _positions:
        at = itertools.islice(code.co_positions(), frame.f_lasti // 2, None)
        _positions[key] = next(at, (None,) * 4), code  # the code is kept: its id stays its own
    return _positions[key][0][1:]


def frame_truth(frame, with_locals=True):
    code = frame.f_code
    end_line, column, end_column = positions_of(frame)
    fact = {
        "name": readable(code.co_name), "qualname": readable(getattr(code, "co_qualname", None)),
        "file": readable(code.co_filename), "line": frame.f_lineno, "lasti": frame.f_lasti,
        "first_line": code.co_firstlineno, "end_line": end_line, "column": column,
        "end_column": end_column, "locals": None,
    }
    if code.co_filename == SELF:
        fact["helper"] = True
    elif with_locals:
        fact["locals"] = locals_of(frame)
    return fact


def stack_truth(frame, with_locals=True):
    frames = []
    while frame is not None:
        frames.append(frame_truth(frame, with_locals))
        frame = frame.f_back
    return frames


def threads_truth(telling, stacks=None, idents=None, with_locals=True, interpreter=0):
    """Every thread. `telling`: the frame that goes on to wait, of the calling thread."""
    here = _ident()
    if stacks is None:
        stacks = dict(sys._current_frames())
    stacks[here] = telling
    names = dict((ident, known.name) for ident, known in threading._active.items())
    if idents is None:
        idents = sorted(set(stacks) | set(names))
    return [{
        "ident": ident, "native_id": native_id(ident), "name": readable(names.get(ident)),
        "interpreter": interpreter, "telling": ident == here,
        "frames": stack_truth(stacks.get(ident), with_locals),
    } for ident in idents]


# --- telling -----------------------------------------------------------------

def emit(fact):
    """Write one JSON line to stdout."""
    line = json.dumps(fact, ensure_ascii=True, sort_keys=True).encode("ascii") + b"\n"
    while line:
        line = line[os.write(1, line):]


def fact(threads, extra):
    return {"pid": os.getpid(), "version": list(sys.version_info[:3]), "threads": threads, "extra": extra}


def skip(reason):
    """This version cannot show it: the truth is a reason, and the program ends."""
    emit({"skip": reason})
    sys.exit(0)


def wait():
    """Block until stdin gives a newline or ends."""
    os.read(0, 1)


def tell(extra):
    """The truth without threads: for programs that do not stand still."""
    emit(fact([], extra))


def tell_and_wait(threads_=None, stacks_=None, idents_=None, with_locals_=True, more_=(), **extra):
    """Settle every other thread, tell the truth, and wait here for stdin.

    stacks_: {ident: frame} instead of sys._current_frames(); idents_: only these threads;
    more_: threads described elsewhere (another interpreter); extra: facts of the program.
    """
    # No helper that is still on the stack while waiting, except this frame.
    me = _ident()
    others = idents_ if idents_ is not None else list(threading._active)
    wait_blocked([tid for tid in (native_id(i) for i in others if i != me) if tid])
    threads_ = threads_truth(sys._getframe(), stacks_, idents_, with_locals_)
    emit(fact(threads_ + list(more_), extra))
    threads_ = more_ = stacks_ = extra = None
    os.read(0, 1)
