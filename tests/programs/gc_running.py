"""gc.collect() over two million objects, again and again. extra.collector: the thread that collects."""
import gc
import os
import select
import threading

import truth

objects = []


def collect_forever(main):
    # The one that collects tells, and sees the end: no other thread is sure to be given the GIL (2.7).
    truth.wait_blocked(main["native_id"], syscall=0, fd=truth.gate)
    here = threading.current_thread()
    truth.tell({"objects": len(objects),
                "collector": {"name": here.name, "ident": here.ident, "native_id": truth.gettid(),
                              "function": "collect_forever",
                              "line": collect_forever.__code__.co_firstlineno + 9},
                "main": main})
    while not select.select([0], [], [], 0)[0]:
        gc.collect()
    os._exit(0)


if __name__ == "__main__":
    gc.disable()
    objects.extend([[n] for n in range(2000000)])
    truth.start("collector", collect_forever,
                {"ident": threading.current_thread().ident, "native_id": truth.gettid()})
    os.read(truth.gate, 1)
