"""Told so, it forks a child that runs `in_fork` and starts another Python that runs `in_spawned`, until it ends."""
import os
import signal
import subprocess
import sys
import warnings

import truth


def in_fork():
    while True:
        pass


def in_spawned():
    while os.getppid() == PARENT:
        pass


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        PARENT = int(sys.argv[1])
        in_spawned()
        os._exit(0)
    truth.tell({})
    truth.wait()
    forked = os.fork()
    if forked == 0:
        # Ends with its parent: prctl(PR_SET_PDEATHSIG, SIGKILL)
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        in_fork()
    with open(os.devnull, "r+b") as null:
        spawned = subprocess.Popen([truth.PYTHON, os.path.abspath(__file__), str(os.getpid())], stdin=null, stdout=null)
    truth.wait()
    for pid in forked, spawned.pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)
