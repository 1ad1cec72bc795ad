"""Every part of what `pitviper state` tells, in a state that is not that of any other Python.

The program begins anew with options of the interpreter, then arranges collector, threads, imports, hooks and signals,
and tells them from inside: `extra` has a key for each section. It imports itself (`stateful`) in one thread, which
blocks there, while another waits for that import.
"""
import atexit
import gc
import os
import re
import signal
import sys
import tempfile
import threading
import types

import truth

# All that is imported is so before a thread blocks in an import: on 2.7 there is one lock for all.
try:
    import ctypes
except ImportError:
    ctypes = None
try:
    import _testinternalcapi
except ImportError:
    _testinternalcapi = None
if truth.PY2:
    sys.exc_clear()  # there an exception counts as handled until the code ends that has handled it

if __name__ == "stateful":
    os.read(truth.gate, 1)

OPTIONS = ["-B", "-W", "ignore::BytesWarning"] + ([] if truth.PY2 else ["-X", "pitviper=yes", "-X", "plain"])


kept = []


def wait_here():
    os.read(truth.gate, 1)


def traced():
    def tracer(frame, event, argument):
        return None
    sys.settrace(tracer)
    wait_here()


def profiled():
    def profiler(frame, event, argument):
        return None
    sys.setprofile(profiler)
    wait_here()


def handling():
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("outer \x1b[31m")
    except ValueError:
        wait_here()


def deep(depth):
    if depth:
        return deep(depth - 1)
    wait_here()


def keeping(local):
    local.value = 1
    wait_here()


def importing():
    import stateful
    return stateful


def hook(*arguments):
    pass


def flags():
    fields = [name for name in dir(type(sys.flags))
              if type(getattr(type(sys.flags), name)) is types.MemberDescriptorType]
    return dict((name, getattr(sys.flags, name)) for name in fields)


def arrange_collector():
    if hasattr(gc, "freeze"):
        gc.freeze()
    gc.disable()
    gc.set_threshold(701, 11, 12)
    gc.garbage.extend([object(), object(), object()])
    if hasattr(gc, "callbacks"):
        gc.callbacks.append(hook)
    for count, oldest in [(500, 1), (200, 0), (100, None)]:
        kept.extend([number] for number in range(count))
        if oldest is not None:
            gc.collect(oldest)


def collector():
    fact = {
        "enabled": gc.isenabled(), "debug": gc.get_debug(), "threshold": gc.get_threshold(), "count": gc.get_count(),
        "garbage": len(gc.garbage), "callbacks": len(getattr(gc, "callbacks", ())), "objects": len(gc.get_objects()),
        "frozen": gc.get_freeze_count() if hasattr(gc, "get_freeze_count") else None,
    }
    if sys.version_info >= (3, 8):
        fact["generations"] = [len(gc.get_objects(generation=number)) for number in range(3)]
    return fact


def monitoring():
    if not hasattr(sys, "monitoring"):
        return None
    sys.monitoring.use_tool_id(3, "stateful's")
    return [[number, sys.monitoring.get_tool(number)] for number in range(8 - 2) if sys.monitoring.get_tool(number)]


def watchers():
    """The watchers that were set, by kind; empty where there is nothing to set them with."""
    try:
        import _testcapi
    except ImportError:
        return {}
    made = {}
    for kind, name in [("dict", "add_dict_watcher"), ("type", "add_type_watcher"), ("code", "add_code_watcher")]:
        if hasattr(_testcapi, name):
            made[kind] = getattr(_testcapi, name)(0)
    return made


def replace_evaluation():
    """Whether something else evaluates frames from now on (PEP 523)."""
    if not hasattr(_testinternalcapi, "set_eval_frame_record"):
        return False
    _testinternalcapi.set_eval_frame_record([])
    return True


def start_stranger():
    """The native ids of threads that Python does not know: one in pause(2), if that can be made."""
    if ctypes is None:
        return []
    libc, made, before = ctypes.CDLL(None), ctypes.c_ulong(), set(os.listdir("/proc/self/task"))
    libc.pthread_create(ctypes.byref(made), None, libc.pause, None)
    tids = sorted(int(tid) for tid in set(os.listdir("/proc/self/task")) - before)
    truth.wait_blocked(tids)
    return tids


def send(ident):
    """Whether an exception could be sent to a thread, which does not see it before it runs."""
    return ctypes is not None and ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(OverflowError)) == 1


def arrange_hooks():
    fact = {"audit": 0, "monitoring": monitoring(), "watchers": watchers()}
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(hook)
        fact["audit"] = 1
    sys.excepthook = hook
    fact["replaced"] = ["sys.excepthook"]
    if hasattr(threading, "excepthook"):
        threading.excepthook = hook
        fact["replaced"].append("threading.excepthook")
    signal.signal(signal.SIGUSR1, hook)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    fact["signals"] = sorted(number for number in range(1, 65)
                             if signal.getsignal(number) not in (None, signal.SIG_DFL))
    for _ in range(3):
        atexit.register(hook)
    fact["atexit"] = atexit._ncallbacks() if hasattr(atexit, "_ncallbacks") else len(atexit._exithandlers)
    return fact


def kind_of(module):
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return None
    loader = spec.loader if isinstance(spec.loader, type) else type(spec.loader)
    return {"BuiltinImporter": "builtin", "FrozenImporter": "frozen", "ExtensionFileLoader": "extension",
            "SourceFileLoader": "source", "NamespaceLoader": "namespace"}.get(loader.__name__)


def allocated():
    """{"arenas": count, "classes": {size: [pools, blocks in use, free blocks]}} out of what Python prints of it."""
    if not hasattr(sys, "_debugmallocstats"):
        return None
    with tempfile.TemporaryFile() as printed:
        kept = os.dup(2)
        os.dup2(printed.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(kept, 2)
        os.close(kept)
        printed.seek(0)
        text = printed.read().decode()
    rows = re.findall(r"^ +\d+ +(\d+) +(\d+) +(\d+) +(\d+)$", text, re.M)
    arenas = re.search(r"# arenas allocated current += +([\d,]+)", text)
    if not rows or not arenas:
        return None
    return {"arenas": int(arenas.group(1).replace(",", "")),
            "classes": dict((row[0], [int(number) for number in row[1:]]) for row in rows)}


def texts(values):
    return [truth.readable(value) for value in values]


def runtime():
    names = ["version", "platform", "executable", "prefix", "exec_prefix", "base_prefix", "base_exec_prefix"]
    return {
        "flags": flags(), "argv": texts(sys.argv), "warnoptions": texts(sys.warnoptions),
        "orig_argv": getattr(sys, "orig_argv", None), "xoptions": getattr(sys, "_xoptions", None),
        "path": texts(sys.path), "texts": dict((name, truth.readable(getattr(sys, name, None))) for name in names),
        "cache_tag": getattr(getattr(sys, "implementation", None), "cache_tag", None),
    }


def main():
    sys.setrecursionlimit(1234)
    if truth.PY2:
        sys.setcheckinterval(123)
    else:
        sys.setswitchinterval(0.0125)
    hooks = arrange_hooks()
    threads = [truth.start(name, function, *arguments) for name, function, arguments in [
        ("traced", traced, ()), ("profiled", profiled, ()), ("handling", handling, ()), ("deep-10", deep, (10,)),
        ("deep-60", deep, (60,)), ("keeping", keeping, (threading.local(),)), ("importer", importing, ())]]
    truth.wait_blocked(truth.native_id(threads[-1].ident), 0)
    threads.append(truth.start("waiter", importing))
    idents = dict((thread.name, thread.ident) for thread in threads)
    truth.wait_blocked([truth.native_id(thread.ident) for thread in threads])
    arrange_collector()
    origins = dict((name, kind_of(module)) for name, module in list(sys.modules.items()) if name != "stateful")
    facts = {"runtime": runtime(), "hooks": hooks, "idents": idents, "origins": origins,
             "recursion_limit": sys.getrecursionlimit(), "traced": sorted(idents[name] for name in ["traced"]),
             "profiled": [idents["profiled"]], "allocated": allocated(),
             "interval": None if truth.PY2 else sys.getswitchinterval(),
             "check_interval": sys.getcheckinterval() if truth.PY2 else None,
             "gil": getattr(sys, "_is_gil_enabled", lambda: True)(), "free_threaded": "free-threading" in sys.version,
             "debug": hasattr(sys, "gettotalrefcount"), "finders": [len(sys.meta_path), len(sys.path_hooks)]}
    facts["strangers"], facts["sent"] = start_stranger(), send(idents["keeping"])
    facts["hooks"]["eval_frame"] = replace_evaluation()
    facts["modules"] = len(sys.modules)
    facts["gc"] = collector()
    truth.tell_and_wait(**facts)


if __name__ == "__main__":
    if "begun" not in sys.argv:
        os.execv(truth.PYTHON, [truth.PYTHON] + OPTIONS + [os.path.abspath(__file__), "begun", u"caf\xe9 one".encode("utf-8")])
    main()
    os._exit(0)
