"""One thread spins in pure Python, several want the GIL all the time. Not settled: extra only.

extra: spinner and wanters, each {"name", "ident", "native_id", "functions": names its stack may hold innermost}.
"""
import os
import sys
import threading
import time

import truth

arrived = []


def spin():
    arrived.append(1)
    count = 0
    while True:
        count += 1
        count = halve(count) * 2


def halve(number):
    return number // 2


def want():
    arrived.append(1)
    while True:
        time.sleep(0)


def describe(thread, *functions):
    return {"name": thread.name, "ident": thread.ident, "native_id": truth.native_id(thread.ident),
            "functions": [f.__name__ for f in functions]}


if __name__ == "__main__":
    wanters = [truth.start("wanter-%d" % n, want) for n in range(4)]
    spinner = truth.start("spinner", spin)
    while len(arrived) < 5:
        time.sleep(0.001)
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    truth.tell({"gil": gil, "spinner": describe(spinner, spin, halve),
                "wanters": [describe(w, want) for w in wanters],
                "main": describe(threading.current_thread(), truth.wait)})
    truth.wait()
    os._exit(0)
