# Two threads, each blocked in read(): the main one in main, "worker" in inner called by outer.
# Runs on 2.7 and 3.6 to 3.15, as a text given with -c: it must also start where no file of the
# tests can be seen.
import os
import sys
import threading

gate, _ = os.pipe()


def inner():
    os.read(gate, 1)


def outer():
    inner()


def main():
    os.read(0, 1)


worker = threading.Thread(target=outer, name="worker")
worker.daemon = True
worker.start()
sys.stdout.write("ready\n")
sys.stdout.flush()
main()
os._exit(0)
