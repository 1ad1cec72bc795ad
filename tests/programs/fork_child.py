"""fork() without exec in a process with threads: the child tells. Its pid is the truth's; the parent waits for it.

extra.stale: idents of threads that Python (2.7) still lists in the child though they are gone.
"""
import os
import sys
import threading
import warnings

import truth


def blocked():
    os.read(truth.gate, 1)


def child():
    me = threading.current_thread().ident
    stale = sorted(set(sys._current_frames()) - set([me]))
    truth.tell_and_wait(stacks_={}, idents_=[me], parent=os.getppid(), stale=stale)
    os._exit(0)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    threads = [truth.start("parent-%d" % n, blocked) for n in range(3)]
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0)
    pid = os.fork()
    if pid == 0:
        child()
    status = os.waitpid(pid, 0)[1]
    os._exit(1 if status else 0)
