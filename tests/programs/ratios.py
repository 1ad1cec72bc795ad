"""Functions with known shares of time. When told to end it tells extra.calls = [[function, start, end, processor time]]:
every call of one, by CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID, in ns.
"""
import os
import select
import time

import truth


def half(n):
    for _ in range(50 * n):
        pass


def quarter(n):
    for _ in range(25 * n):
        pass


def eighth(n):
    for _ in range(12 * n):
        pass


def tenth(n):
    for _ in range(10 * n):
        pass


def rest(n):
    for _ in range(3 * n):
        pass


def sleeps(n):
    time.sleep(0.002)


FUNCTIONS = half, sleeps, quarter, rest, eighth, tenth
calls = []


def work(n):
    for function in FUNCTIONS:
        start, spent = truth.clock(1), truth.clock(3)
        function(n)
        spent, end = truth.clock(3) - spent, truth.clock(1)
        calls.append((function.__name__, start, end, spent))


def run_until_told(n):
    while not select.select([0], [], [], 0)[0]:
        work(n)


if __name__ == "__main__":
    # So that a turn takes some 20 ms, whatever the machine: what is done for the first time takes longer.
    costs = []
    for _ in range(5):
        spent = truth.clock(3)
        half(1000)
        costs.append(truth.clock(3) - spent)
    unit = max(1, int(1000 * 10e6 / max(1, min(costs))))
    truth.tell({"functions": [function.__name__ for function in FUNCTIONS], "unit": unit})
    run_until_told(unit)
    truth.tell({"calls": calls})
    os._exit(0)
