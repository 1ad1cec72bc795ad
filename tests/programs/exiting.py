"""The main thread is in an atexit handler, daemon threads are alive."""
import atexit
import os

import truth


def blocked(number):
    os.read(truth.gate, 1)


@atexit.register
def last():
    truth.tell_and_wait(state="atexit")
    os._exit(0)


for number in range(2):
    truth.start("daemon-%d" % number, blocked, number)
