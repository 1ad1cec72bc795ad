"""Runs for a millisecond and sleeps for two, in turn: shorter than the distance of two looks. When told to end it tells
extra.cpu = processor time of "works" and of all, and extra.wall = time in "works" and of all, all in ns, by
CLOCK_THREAD_CPUTIME_ID and CLOCK_MONOTONIC.
"""
import os
import select
import time

import truth


def works(n):
    for _ in range(n):
        pass


def sleeps():
    time.sleep(0.002)


def run(n):
    """Until told to end."""
    wall, cpu, began, spent = 0, 0, truth.clock(1), truth.clock(3)
    while not select.select([0], [], [], 0)[0]:
        start, before = truth.clock(1), truth.clock(3)
        works(n)
        cpu += truth.clock(3) - before
        wall += truth.clock(1) - start
        sleeps()
    return {"cpu": [cpu, truth.clock(3) - spent], "wall": [wall, truth.clock(1) - began]}


costs = []
for _ in range(5):
    spent = truth.clock(3)
    works(100000)
    costs.append(truth.clock(3) - spent)
truth.tell({})
truth.tell(run(max(1, int(100000 * 1e6 / max(1, min(costs))))))
os._exit(0)
