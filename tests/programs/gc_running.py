"""gc.collect() over two million objects, again and again. extra.collector: the thread that collects.

A child made beforehand tells once the thread is at it: no other thread is sure to be given the GIL (2.7).
"""
import gc
import json
import os
import select
import signal
import threading

import truth

objects = []


def collect_forever(facts, main):
    truth.wait_blocked(main["native_id"], syscall=0, fd=truth.gate)
    here = threading.current_thread()
    collector = {"name": here.name, "ident": here.ident, "native_id": truth.gettid(), "function": "collect_forever",
                 "line": collect_forever.__code__.co_firstlineno + 7}
    os.write(facts, json.dumps(truth.fact([], {"collector": collector, "main": main})).encode() + b"\n")
    while not select.select([0], [], [], 0)[0]:
        gc.collect()
    os._exit(0)


def teller(facts):
    """The child: wait for the facts, then until the thread has run for some ticks of the clock, then tell; and end."""
    line = json.loads(facts.readline())
    stat = "/proc/%d/task/%d/stat" % (line["pid"], line["extra"]["collector"]["native_id"])
    ran = []
    while not ran or ran[-1] < ran[0] + 5:
        with open(stat) as f:
            ran.append(int(f.read().rpartition(")")[2].split()[11]))
    truth.emit(line)
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    ends = os.pipe()
    if os.fork() == 0:
        os.close(ends[1])
        teller(os.fdopen(ends[0], "r"))
    gc.disable()
    objects.extend([[n] for n in range(2000000)])
    truth.start("collector", collect_forever, ends[1],
                {"ident": threading.current_thread().ident, "native_id": truth.gettid()})
    os.read(truth.gate, 1)
