"""gc.collect() over two million objects, again and again. extra.collector: the thread that collects."""
import gc
import os
import sys
import threading
import time

import truth

objects = []
arrived = []


def collect_forever():
    arrived.append(1)
    while True:
        gc.collect()


if __name__ == "__main__":
    if truth.PY2:
        sys.setcheckinterval(1)  # else the others get the GIL every hundred instructions: once in 20 s
    gc.disable()
    objects.extend([[n] for n in range(2000000)])
    collector = truth.start("collector", collect_forever)
    while not arrived:
        time.sleep(0.001)
    truth.tell({"objects": len(objects),
                "collector": {"name": collector.name, "ident": collector.ident,
                              "native_id": truth.native_id(collector.ident), "function": "collect_forever",
                              "line": collect_forever.__code__.co_firstlineno + 3},
                "main": {"ident": threading.current_thread().ident}})
    truth.wait()
    os._exit(0)
