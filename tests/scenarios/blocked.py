# Threads blocked, by ctypes, in calls that fail with EINTR when their thread is stopped; one that
# computes meanwhile. Prints how many are blocked; for a line of input, which were interrupted.
import ctypes
import errno
import os
import socket
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
interrupted = []


def epoll():
    fd = libc.epoll_create1(0)
    event = ctypes.create_string_buffer(16)
    return lambda: libc.epoll_wait(fd, event, 1, -1)


def poll():
    return lambda: libc.poll(None, 0, -1)


def semaphore():
    IPC_PRIVATE, IPC_RMID = 0, 0
    number = libc.semget(IPC_PRIVATE, 1, 0o600)
    remove.append(lambda: libc.semctl(number, 0, IPC_RMID))
    operation = (ctypes.c_short * 3)(0, -1, 0)
    return lambda: libc.semop(number, operation, 1)


def signals():
    SIGUSR2 = 12
    mask = ctypes.create_string_buffer(128)
    libc.sigemptyset(mask)
    libc.sigaddset(mask, SIGUSR2)
    seconds = (ctypes.c_long * 2)(1000, 0)
    return lambda: libc.sigtimedwait(mask, None, seconds)


def receive():
    one, other = socket.socketpair()
    keep.extend([one, other])
    seconds = (ctypes.c_long * 2)(1000, 0)
    SOL_SOCKET, SO_RCVTIMEO = 1, 20
    libc.setsockopt(one.fileno(), SOL_SOCKET, SO_RCVTIMEO, seconds, 16)
    fd, byte = one.fileno(), ctypes.create_string_buffer(1)
    return lambda: libc.recv(fd, byte, 1, 0)


def block(make):
    call = make()
    while True:
        call()
        interrupted.append((make.__name__, errno.errorcode.get(ctypes.get_errno())))


def leaf(n):
    return n + 1


def busy():
    n = 0
    while True:
        n = leaf(n)


keep, remove = [], []
makers = [epoll, poll, semaphore, signals, receive]
for function, args in [(block, (maker,)) for maker in makers] + [(busy, ())]:
    thread = threading.Thread(target=function, args=args)
    thread.daemon = True
    thread.start()
sys.stdout.write("%d\n" % len(makers))
sys.stdout.flush()
os.read(0, 1)
sys.stdout.write("interrupted: %r\n" % (interrupted,))
sys.stdout.flush()
for function in remove:
    function()
os._exit(0)
