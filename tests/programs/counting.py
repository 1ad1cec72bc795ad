# -*- coding: utf-8 -*-
"""A thread that counts, and one that waits in epoll_wait again and again: `counts` says how often each has come round,
and how often a call was interrupted. It never stands still. extra.gil: whether threads share a GIL."""
import select
import sys

import truth

counts = {"busy": 0, "waits": 0, "interrupted": 0}
ended = []


def busy():
    while not ended:
        counts["busy"] += 1


def waits():
    waiter = select.epoll()
    while not ended:
        try:
            waiter.poll(0.05)
        except (IOError, OSError):
            counts["interrupted"] += 1
        counts["waits"] += 1


threads = [truth.start("busy", busy), truth.start("waits", waits)]
truth.tell({"gil": getattr(sys, "_is_gil_enabled", lambda: True)()})
truth.wait()
ended.append(True)
for thread in threads:
    thread.join()
