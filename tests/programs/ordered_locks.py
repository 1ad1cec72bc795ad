"""Threads that take locks in one order, and so are never in a deadlock, however often they are looked at.

By `with`, by acquire and release, in try, nested in functions; plain and recursive locks, conditions with queues,
semaphores, futures.
"""
import random
import sys
import threading

import truth

try:
    import queue
except ImportError:
    import Queue as queue

try:
    from concurrent import futures
except ImportError:
    futures = None

LOCKS = [threading.Lock() if number % 3 else threading.RLock() for number in range(9)]
ENDS = []


def nested(locks):
    if not locks:
        return sum(range(50))
    with locks[0]:
        return nested(locks[1:])


def plain(locks):
    for lock in locks:
        lock.acquire()
    total = sum(range(50))
    for lock in reversed(locks):
        lock.release()
    return total


def pair(first, second):
    first.acquire()
    try:
        with second:
            return sum(range(50))
    finally:
        first.release()


def named(first, second, third):
    first.acquire()
    second.acquire()
    first.release()
    third.acquire()
    third.release()
    second.release()


def takes(seed):
    rand = random.Random(seed)
    while not ENDS:
        numbers = sorted(rand.sample(range(len(LOCKS)), 3))
        locks = [LOCKS[number] for number in numbers]
        choice = rand.random()
        if choice < 0.4:
            nested(locks)
        elif choice < 0.6:
            plain(locks)
        elif choice < 0.8:
            pair(*locks[:2])
        else:
            named(*locks)


def produce(values):
    while not ENDS:
        values.put(1)


def consume(values):
    while not ENDS:
        values.get()


def calls(executor, semaphore, seed):
    rand = random.Random(seed)
    while not ENDS:
        with semaphore:
            executor.submit(nested, [LOCKS[rand.randrange(len(LOCKS))]]).result()


def main():
    if sys.version_info < (3, 2):
        sys.setcheckinterval(1)
    else:
        sys.setswitchinterval(1e-5)
    for number in range(12):
        truth.start("takes-%d" % number, takes, number)
    values = queue.Queue(2)
    for number in range(2):
        truth.start("produces-%d" % number, produce, values)
        truth.start("consumes-%d" % number, consume, values)
    if futures:
        executor, semaphore = futures.ThreadPoolExecutor(2), threading.Semaphore(2)
        for number in range(3):
            truth.start("calls-%d" % number, calls, executor, semaphore, number)
    truth.tell({"switches": True})
    truth.wait()
    truth.os._exit(0)


if __name__ == "__main__":
    main()
