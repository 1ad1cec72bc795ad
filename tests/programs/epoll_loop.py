"""System calls that a thread which is stopped in them may fail with EINTR, called directly, each again and again.

When told to end it tells extra.interrupted = {call: how often} and extra.made = {call: how often it was made}.
"""
import ctypes
import errno
import os
import select
import socket

import truth

libc = ctypes.CDLL(None, use_errno=True)
interrupted, made, stop = {}, {}, []


def again_and_again(name, call):
    made[name] = interrupted[name] = 0
    while not stop:
        if call() == -1 and ctypes.get_errno() == errno.EINTR:
            interrupted[name] += 1
        made[name] += 1
        for _ in range(300):
            pass


def epoll_waits():
    epoll, events = select.epoll(), ctypes.create_string_buffer(64)
    again_and_again("epoll_wait", lambda: libc.epoll_wait(epoll.fileno(), events, 1, 1))


def receives():
    one, other = socket.socketpair()
    # SO_RCVTIMEO = 1 ms
    limit = (ctypes.c_long * 2)(0, 1000)
    libc.setsockopt(one.fileno(), socket.SOL_SOCKET, 20, limit, 16)
    data = ctypes.create_string_buffer(8)
    again_and_again("recv", lambda: libc.recv(one.fileno(), data, 1, 0))


def polls():
    again_and_again("poll", lambda: libc.poll(None, 0, 1))


def selects():
    def call():
        return libc.select(0, None, None, None, (ctypes.c_long * 2)(0, 1000))
    again_and_again("select", call)


def sleeps():
    again_and_again("nanosleep", lambda: libc.nanosleep((ctypes.c_long * 2)(0, 1000000), None))


def reads():
    """From a pipe into which another thread writes now and then."""
    reader, writer = os.pipe()

    def writes():
        while not stop:
            libc.usleep(1000)
            os.write(writer, b".")
    truth.start("writes", writes)
    data = ctypes.create_string_buffer(1)
    again_and_again("read", lambda: libc.read(reader, data, 1))


def futex_waits():
    SYS_FUTEX, FUTEX_WAIT_PRIVATE = 202, 128
    word = ctypes.c_int(0)

    def call():
        return libc.syscall(SYS_FUTEX, ctypes.byref(word), FUTEX_WAIT_PRIVATE, 0, (ctypes.c_long * 2)(0, 1000000), None, 0)
    again_and_again("futex", call)


def semaphores():
    number = libc.semget(0, 1, 0o600)  # IPC_PRIVATE
    operation = (ctypes.c_short * 3)(0, -1, 0)
    again_and_again("semtimedop", lambda: libc.semtimedop(number, operation, 1, (ctypes.c_long * 2)(0, 1000000)))
    libc.semctl(number, 0, 0)  # IPC_RMID


def signals():
    waited = ctypes.create_string_buffer(128)
    libc.sigaddset(waited, 12)  # SIGUSR2
    again_and_again("sigtimedwait", lambda: libc.sigtimedwait(waited, None, (ctypes.c_long * 2)(0, 1000000)))


CALLS = epoll_waits, receives, polls, selects, sleeps, reads, futex_waits, semaphores, signals

if __name__ == "__main__":
    threads = []
    for function in CALLS:
        threads.append(truth.start(function.__name__, function))
    truth.tell({"calls": len(CALLS)})
    truth.wait()
    stop.append(1)
    for thread in threads:
        thread.join()
    truth.tell({"interrupted": interrupted, "made": made})
    os._exit(0)
