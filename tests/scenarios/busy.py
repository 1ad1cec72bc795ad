# "worker" computes for ever and stands in busy, or in what that calls; the main thread is in read().
# Prints "ready" once the worker runs, and "count N" (what the worker has counted) for every line of
# input. 2.7 and 3.6 to 3.15.
import os
import sys
import threading

running = threading.Event()
counted = [0]


def leaf(n):
    return n + 1


def busy():
    running.set()
    while True:
        counted[0] = leaf(counted[0])


def main():
    while os.read(0, 100):
        sys.stdout.write("count %d\n" % counted[0])
        sys.stdout.flush()


worker = threading.Thread(target=busy, name="worker")
worker.daemon = True
worker.start()
running.wait()
sys.stdout.write("ready\n")
sys.stdout.flush()
main()
os._exit(0)
