"""Works for some seconds on two threads: something for `pitviper record`."""

import collections
import json
import threading
import time


def primes(limit):
    found = []
    for number in range(2, limit):
        if all(number % prime for prime in found if prime * prime <= number):
            found.append(number)
    return found


def words(count):
    text = "the quick brown fox jumps over the lazy dog " * count
    return collections.Counter(text.split()).most_common(3)


def documents(count):
    for _ in range(count):
        json.loads(json.dumps({str(key): list(range(key % 50)) for key in range(300)}))


def writer(until):
    while time.time() < until:
        documents(20)
        time.sleep(0.01)


if __name__ == "__main__":
    until = time.time() + 5
    threading.Thread(target=writer, args=(until,), name="writer").start()
    while time.time() < until:
        primes(3000)
        words(500)
