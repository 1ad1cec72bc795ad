"""fork() in a thread that is not the main one: in the child it is the only one, and the child tells."""
import os
import sys
import threading
import warnings

import truth


def forker():
    pid = os.fork()
    if pid == 0:
        me = threading.current_thread().ident
        stale = sorted(set(sys._current_frames()) - set([me]))
        truth.tell_and_wait(stacks_={}, idents_=[me], parent=os.getppid(), stale=stale)
        os._exit(0)
    os._exit(1 if os.waitpid(pid, 0)[1] else 0)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    truth.start("forker", forker).join()
