"""The main thread blocks in a C call and keeps the GIL (ctypes.PyDLL); the others wait for the GIL.

A child made beforehand writes the truth when the main thread blocks: nobody else could.
extra.holder: {"native_id", "ident", "function", "line", "syscall", "fd"}; extra.wanters: the same facts.
"""
import ctypes
import json
import os
import signal
import sys
import threading
import time

import truth

arrived = []


def want():
    arrived.append(1)
    while True:
        time.sleep(0.001)


def hold(read, buffer):
    read(0, buffer, 1)


def teller(facts):
    """The child: wait for the facts, then for the parent to block, then tell; and end."""
    line = facts.readline()
    stat, seen = "/proc/%d/task/%d/stat" % (os.getppid(), os.getppid()), []
    while len(seen) < 3 or len(set(seen[-3:])) > 1 or seen[-1][0] != "S":
        with open(stat) as f:
            fields = f.read().rpartition(")")[2].split()
        seen.append((fields[0], fields[11], fields[12]))
        time.sleep(0.05)
    truth.emit(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    ends = os.pipe()
    if os.fork() == 0:
        os.close(ends[1])
        teller(os.fdopen(ends[0], "r"))
    read, buffer = ctypes.PyDLL(None).read, ctypes.create_string_buffer(1)
    threads = [truth.start("wanter-%d" % n, want) for n in range(3)]
    while len(arrived) < 3:
        time.sleep(0.001)
    extra = {
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "holder": {"native_id": os.getpid(), "ident": threading.current_thread().ident, "function": "hold",
                   "line": hold.__code__.co_firstlineno + 1, "syscall": "read", "fd": 0},
        "wanters": [{"name": t.name, "ident": t.ident, "native_id": truth.native_id(t.ident), "function": "want"}
                    for t in threads]}
    os.write(ends[1], json.dumps(truth.fact([], extra)).encode() + b"\n")
    hold(read, buffer)
    os._exit(0)
