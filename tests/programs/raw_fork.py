"""fork() that Python is not told of, as uWSGI makes its workers: the child tells. Its pid is the truth's; the parent
waits for it. Python's memory has the parent's thread ids still.
"""
import ctypes
import os
import threading

import truth


def serve():
    truth.tell_and_wait(idents_=[threading.current_thread().ident])
    os._exit(0)


if __name__ == "__main__":
    # PyDLL keeps the GIL, so that the child has it.
    pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        serve()
    status = os.waitpid(pid, 0)[1]
    os._exit(1 if status else 0)
