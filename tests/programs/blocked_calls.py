"""One thread in every kind of blocking call; extra says which system calls it may be in, and the fd.

extra.calls = {thread name: {"syscalls": [names], "fd": number or null, "state": "idle"}}
"""
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import truth

try:
    import queue
except ImportError:
    import Queue as queue

CALLS = {}
KEEP = []
SELECT = ["select", "pselect6"]
POLL = ["poll", "ppoll"]
LONG = 86400


def blocked(syscalls, function, *args, **options):
    """Run the call in a thread of the function's name."""
    CALLS[function.__name__] = {"syscalls": syscalls, "fd": options.get("fd"), "state": "idle"}
    KEEP.append((function, args))
    truth.start(function.__name__, function, *args)


def sleep():
    time.sleep(LONG)


def lock_acquire(lock):
    lock.acquire()


def lock_acquire_timeout(lock):
    lock.acquire(True, LONG)


def lock_with(lock):
    with lock:
        pass


def rlock_acquire(lock):
    lock.acquire()


def event_wait(event):
    event.wait()


def event_wait_timeout(event):
    event.wait(LONG)


def condition_wait(condition):
    with condition:
        condition.wait()


def condition_wait_timeout(condition):
    with condition:
        condition.wait(LONG)


def semaphore(value):
    value.acquire()


def queue_get(values):
    values.get()


def queue_get_timeout(values):
    values.get(True, LONG)


def queue_put(values):
    values.put(1)


def queue_join(values):
    values.join()


def thread_join(thread):
    thread.join()


def thread_join_timeout(thread):
    thread.join(LONG)


def simple_queue_get(values):
    values.get()


def barrier_wait(barrier):
    barrier.wait()


def socket_recv(sock):
    sock.recv(1)


def socket_recv_timeout(sock):
    sock.settimeout(LONG)
    sock.recv(1)


def socket_recvfrom(sock):
    sock.recvfrom(1)


def socket_send(sock):
    while True:
        sock.send(b"x" * 65536)


def socket_accept(sock):
    sock.accept()


def socket_connect(sock, address):
    sock.connect(address)


def select_select(fd):
    select.select([fd], [], [])


def select_timeout(fd):
    select.select([fd], [], [], LONG)


def poll(fd):
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    poller.poll()


def epoll(poller):
    poller.poll()


def epoll_timeout(poller):
    poller.poll(LONG)


def os_read(fd):
    os.read(fd, 1)


def os_write(fd):
    while True:
        os.write(fd, b"x" * 4096)


def file_read(file):
    file.read(1)


def file_readline(file):
    file.readline()


def waitpid(pid):
    os.waitpid(pid, 0)


def waitid(pid):
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def subprocess_wait(process):
    process.wait()


def subprocess_communicate(process):
    process.communicate()


def flock(file):
    fcntl.flock(file, fcntl.LOCK_EX)


def open_fifo(path):
    open(path, "rb")


def sigwait():
    signal.sigwait([signal.SIGUSR2])


def sigtimedwait():
    signal.sigtimedwait([signal.SIGUSR2], LONG)


def pipe():
    """The reading end of a pipe that stays open and empty."""
    ends = os.pipe()
    KEEP.append(ends)
    return ends


def held(lock):
    lock.acquire()
    return lock


def child(**options):
    """A process that lives as long as this one."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=options.get("stdout", NULL), close_fds=True)
    KEEP.append(process)
    return process


NULL = open(os.devnull, "wb")


def start_locks():
    blocked(["clock_nanosleep"] + SELECT, sleep)
    blocked(["futex"], lock_acquire, held(threading.Lock()))
    blocked(["futex"], lock_with, held(threading.Lock()))
    blocked(["futex"], rlock_acquire, held(threading.RLock()))
    blocked(["futex"], event_wait, threading.Event())
    blocked(["futex"], condition_wait, threading.Condition())
    blocked(["futex"], semaphore, threading.Semaphore(0))
    blocked(["futex"], queue_get, queue.Queue())
    full, unfinished = queue.Queue(1), queue.Queue()
    full.put(1)
    unfinished.put(1)
    blocked(["futex"], queue_put, full)
    blocked(["futex"], queue_join, unfinished)
    blocked(["futex"], thread_join, threading.current_thread())
    if truth.PY2:
        return  # there waits with a timeout poll
    blocked(["futex"], lock_acquire_timeout, held(threading.Lock()))
    blocked(["futex"], event_wait_timeout, threading.Event())
    blocked(["futex"], condition_wait_timeout, threading.Condition())
    blocked(["futex"], queue_get_timeout, queue.Queue())
    blocked(["futex"], thread_join_timeout, threading.current_thread())
    blocked(["futex"], barrier_wait, threading.Barrier(2))
    if hasattr(queue, "SimpleQueue"):
        blocked(["futex"], simple_queue_get, queue.SimpleQueue())


def start_sockets(folder):
    for function, calls in (socket_recv, ["recvfrom"]), (socket_recv_timeout, POLL), (socket_recvfrom, ["recvfrom"]), \
            (socket_send, ["sendto"]):
        ours, theirs = socket.socketpair()
        KEEP.append(theirs)
        blocked(calls, function, ours, fd=ours.fileno() if calls is not POLL else None)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    blocked(["accept4", "accept"], socket_accept, listener, fd=listener.fileno())
    # A UNIX socket whose backlog is full: the second connect blocks.
    address = os.path.join(folder, "socket")
    server, first, second = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
    server.bind(address)
    server.listen(0)
    first.connect(address)
    KEEP.extend([server, first])
    blocked(["connect"], socket_connect, second, address, fd=second.fileno())


def start_polls():
    blocked(SELECT, select_select, pipe()[0])
    blocked(SELECT, select_timeout, pipe()[0])
    blocked(POLL, poll, pipe()[0])
    for function in epoll, epoll_timeout:
        poller = select.epoll()
        poller.register(pipe()[0], select.EPOLLIN)
        blocked(["epoll_wait", "epoll_pwait"], function, poller, fd=poller.fileno())


def start_files(folder):
    end = pipe()[0]
    blocked(["read"], os_read, end, fd=end)
    end = pipe()[1]
    blocked(["write"], os_write, end, fd=end)
    for function in file_read, file_readline:
        end = pipe()[0]
        blocked(["read"], function, os.fdopen(end, "rb"), fd=end)
    path = os.path.join(folder, "lock")
    owner, other = open(path, "wb"), open(path, "wb")
    fcntl.flock(owner, fcntl.LOCK_EX)
    KEEP.append(owner)
    blocked(["flock"], flock, other, fd=other.fileno())
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    blocked(["openat", "open"], open_fifo, fifo)


def start_processes():
    blocked(["wait4"], waitpid, child().pid)
    blocked(["wait4", "waitid"], subprocess_wait, child())
    if not truth.PY2:
        blocked(["waitid"], waitid, child().pid)
        blocked(["rt_sigtimedwait"], sigwait)
        blocked(["rt_sigtimedwait"], sigtimedwait)
    # communicate() closes stdin and so would end cat: keep a second writer open.
    end = pipe()
    process = subprocess.Popen(["cat"], stdin=end[0], stdout=subprocess.PIPE, close_fds=True)
    blocked(["read"], subprocess_communicate, process, fd=process.stdout.fileno())


def main():
    folder = tempfile.mkdtemp(prefix="pitviper-")
    start_locks()
    start_sockets(folder)
    start_polls()
    start_files(folder)
    start_processes()
    truth.tell_and_wait(calls=CALLS, folder=folder)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    os.rmdir(folder)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    main()
