"""Threads that wait for each other, in the way that the argument names; extra says who waits for what.

extra.waits = {thread name: {"kind": word, "object": id or null, "owners": [[certainty, thread name or null]]}}
extra.holds = {thread name: [ids of what it holds by blocks, innermost first]}
extra.details = {thread name: what is said of the other end of its file}
extra.deadlocks = [{"threads": [names, each waits for the next], "proved": bool, "timed": bool}], extra.name = {id: how it is called}
Nobody waits for long who is not told of; what waits without being named in `waits` is of no interest.
"""
import contextlib
import logging
import multiprocessing
import multiprocessing.pool
import os
import socket
import subprocess
import sys
import threading
import time

import truth

try:
    import queue
except ImportError:
    import Queue as queue

try:
    from concurrent import futures
except ImportError:
    futures = None

LOCK_A, LOCK_B, LOCK_C = threading.Lock(), threading.Lock(), threading.Lock()
RLOCK_A, RLOCK_B = threading.RLock(), threading.RLock()
WAITS, DEADLOCKS, NAMES, DETAILS, HOLDS, KEEP = {}, [], {}, {}, {}, []
# The threads that rest, if not all do.
IDENTS = []


def waits(name, kind, obj=None, owners=()):
    WAITS[name] = {"kind": kind, "object": None if obj is None else id(obj),
                   "owners": [list(owner) for owner in owners]}


def proved(name):
    return ["proved", name]


def possible(name):
    return ["possible", name]


def deadlock(names, is_proved=True, timed=False):
    DEADLOCKS.append({"threads": names, "proved": is_proved, "timed": timed})


class Meeting(object):
    """So many threads go on only once all of them are there."""

    def __init__(self, count):
        self.left, self.all_there, self.lock = count, threading.Event(), threading.Lock()

    def meet(self):
        with self.lock:
            self.left -= 1
            if not self.left:
                self.all_there.set()
        self.all_there.wait()


def take_with(meeting, first, second):
    with first:
        meeting.meet()
        with second:
            pass


def take_plain(meeting, first, second):
    first.acquire()
    meeting.meet()
    second.acquire()
    second.release()
    first.release()


def take_in_try(meeting, first, second):
    for _ in range(1):
        try:
            with first:
                for _ in [1]:
                    try:
                        meeting.meet()
                        with second:
                            pass
                    finally:
                        KEEP.append(1)
        except ValueError:
            pass


def circle(function, kind, locks, certainty=proved, names=None, objects=None, timed=False):
    """Threads that each hold one of locks, and want the next."""
    names = names or ["dl%d" % number for number in range(len(locks))]
    meeting = Meeting(len(locks))
    objects = objects or locks
    for number, name in enumerate(names):
        after = (number + 1) % len(locks)
        truth.start(name, function, meeting, locks[number], locks[after])
        waits(name, kind, objects[after], [certainty(names[after])])
    deadlock(names, certainty is proved, timed)


def with_locks():
    NAMES[id(LOCK_A)], NAMES[id(LOCK_B)] = "__main__.LOCK_A", "__main__.LOCK_B"
    circle(take_with, "lock", [LOCK_A, LOCK_B])


def busy_locks():
    """A circle beside a thread that never rests, and holds a lock."""
    def spin():
        with LOCK_C:
            started.set()
            while True:
                sum(range(100))
    started = threading.Event()
    with_locks()
    IDENTS.extend(one.ident for one in threading.enumerate())
    truth.start("spin", spin)
    started.wait()
    HOLDS["spin"] = [id(LOCK_C)]


def plain_locks():
    circle(take_plain, "lock", [LOCK_A, LOCK_B], possible)


def try_locks():
    circle(take_in_try, "lock", [LOCK_A, LOCK_B])


def recursive_locks():
    circle(take_plain, "rlock", [RLOCK_A, RLOCK_B])


def three_locks():
    circle(take_with, "lock", [LOCK_A, LOCK_B, LOCK_C])


class Pool(object):
    def __init__(self):
        self._lock = threading.Lock()

    def take(self, meeting, other):
        with self._lock:
            meeting.meet()
            with other._lock:
                pass

    @contextlib.contextmanager
    def locked(self):
        with self._lock:
            yield self

    def take_locked(self, meeting, other):
        with self.locked():
            meeting.meet()
            with other._lock:
                pass


class SlotPool(object):
    __slots__ = ("_lock", "name")

    def __init__(self):
        self._lock = threading.Lock()


def attributes(method):
    pools = [Pool(), Pool()]
    names, meeting = ["dl0", "dl1"], Meeting(2)
    for number, name in enumerate(names):
        pool, other = pools[number], pools[1 - number]
        truth.start(name, getattr(pool, method), meeting, other)
        waits(name, "lock", other._lock, [proved(names[1 - number])])
        NAMES[id(other._lock)] = "other._lock of <Pool at 0x%x>" % id(other)
    deadlock(names)


def attribute_locks():
    attributes("take")


def generator_locks():
    attributes("take_locked")


class Guard(object):
    """Takes a lock by a class of its own, which has another that it does not take."""

    def __init__(self):
        self.inner, self.other = threading.Lock(), threading.Lock()

    def __enter__(self):
        self.inner.acquire()

    def __exit__(self, *_):
        self.inner.release()


def guards():
    guards = [Guard(), Guard()]
    circle(take_with, "lock", guards, possible, objects=[guard.inner for guard in guards])

    # It stands in the block of something that has a lock, and does not hold that.
    def idle(meeting, guard):
        with Opened(guard.other):
            with guard.other:
                meeting.meet()
                os.read(truth.gate, 1)

    class Opened(object):
        def __init__(self, lock):
            self.lock = lock

        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

    def wants(meeting, lock):
        meeting.meet()
        with lock:
            pass
    meeting, third = Meeting(2), Guard()
    truth.start("idle", idle, meeting, third)
    truth.start("wants", wants, meeting, third.other)
    waits("wants", "lock", third.other, [proved("idle")])


def stacked_locks():
    """Blocks of an ExitStack."""
    if sys.version_info < (3, 8):
        truth.skip("keeps no bound methods")

    def take(meeting, first, second):
        with contextlib.ExitStack() as stack:
            stack.enter_context(first)
            meeting.meet()
            stack.enter_context(second)
    circle(take, "lock", [LOCK_A, LOCK_B])


def timed_locks():
    """A circle that ends by itself."""
    if truth.PY2:
        truth.skip("acquires nothing with a timeout")

    def take(meeting, first, second):
        with first:
            meeting.meet()
            second.acquire(timeout=86400)
    circle(take, "lock", [LOCK_A, LOCK_B], timed=True)


def conditions():
    locks = [threading.Lock(), threading.Lock()]
    conditions = [threading.Condition(lock) for lock in locks]
    circle(take_with, "lock", conditions, objects=locks)


def one_lock():
    """A thread that takes a lock twice."""
    def twice(lock):
        with lock:
            with lock:
                pass
    truth.start("twice", twice, LOCK_A)
    waits("twice", "lock", LOCK_A, [proved("twice")])
    deadlock(["twice"])


def semaphores():
    circle(take_with, "semaphore", [threading.Semaphore(1), threading.BoundedSemaphore(1)], possible)


def lock_and_join():
    def waits_for_lock():
        meeting.meet()
        with LOCK_A:
            pass

    def joins(thread):
        with LOCK_A:
            meeting.meet()
            thread.join()
    meeting = Meeting(2)
    one = truth.start("one", waits_for_lock)
    truth.start("two", joins, one)
    waits("one", "lock", LOCK_A, [proved("two")])
    waits("two", "join", one, [proved("one")])
    deadlock(["one", "two"])


def lock_and_future():
    if futures is None:
        truth.skip("has no concurrent.futures")
    executor = futures.ThreadPoolExecutor(1)
    KEEP.append(executor)
    meeting, worker = Meeting(2), []

    def work():
        worker.append(threading.current_thread())
        worker[0].name = "worker"
        meeting.meet()
        with LOCK_A:
            pass

    def wants_result():
        with LOCK_A:
            future = executor.submit(work)
            KEEP.append(future)
            meeting.meet()
            future.result()
    truth.start("one", wants_result)
    while not worker or len(KEEP) < 2:
        time.sleep(0.001)
    truth._native_ids.setdefault(worker[0].ident, None)
    waits("one", "future", KEEP[1], [proved("worker")])
    waits("worker", "lock", LOCK_A, [proved("one")])
    deadlock(["one", "worker"])


def full_executor():
    """A worker that waits for what its own executor is to do, which has no other worker."""
    if futures is None:
        truth.skip("has no concurrent.futures")
    executor = futures.ThreadPoolExecutor(1)
    KEEP.append(executor)

    def inner():
        pass

    def outer():
        threading.current_thread().name = "worker"
        future = executor.submit(inner)
        KEEP.append(future)
        future.result()
    KEEP.append(executor.submit(outer))
    while len(KEEP) < 3:
        time.sleep(0.001)
    future = [one for one in KEEP[1:] if not one.running()][0]
    waits("worker", "future", future, [proved("worker")])
    deadlock(["worker"])


def import_and_join():
    """A module that while it is imported waits for a thread which imports it."""
    sys.path.insert(0, os.path.join(truth.HERE, "modules"))
    truth.start("importer", lambda: __import__("locked_import"))
    while not getattr(sys.modules.get("locked_import"), "ready", False):
        time.sleep(0.001)
    module = sys.modules["locked_import"]
    waits("importer", "join", module.thread, [proved("imported")])
    # 2.7 keeps account of it where only a symbol table leads.
    waits("imported", "import", None, [["any" if truth.PY2 else "proved", "importer"]])
    deadlock(["importer", "imported"], None if truth.PY2 else True)


def logging_lock():
    handler = logging.StreamHandler(open(os.devnull, "w"))
    logger = logging.getLogger("locked")
    logger.propagate = False
    logger.addHandler(handler)

    class Text(object):
        def __str__(self):
            meeting.meet()
            with LOCK_A:
                return ""

    def logs():
        logger.error("%s", Text())

    def logs_with_lock():
        with LOCK_A:
            meeting.meet()
            logger.error("x")
    meeting = Meeting(2)
    truth.start("one", logs)
    truth.start("two", logs_with_lock)
    waits("one", "lock", LOCK_A, [proved("two")])
    waits("two", "rlock", handler.lock, [proved("one")])
    deadlock(["one", "two"])


def forked():
    """The child of a process that forked while other threads held locks."""
    def hold(lock):
        with lock:
            meeting.meet()
            os.read(truth.gate, 1)

    def want(lock):
        lock.acquire()
    meeting = Meeting(3)
    # The C library gives the stack of a thread, and with it the identity, to the next that fits into it.
    threading.stack_size(1 << 18)
    for lock in LOCK_A, RLOCK_A:
        truth.start("holder", hold, lock)
    meeting.meet()
    threading.stack_size(0)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    truth.start("lock", want, LOCK_A)
    waits("lock", "lock", LOCK_A, [["unknown", None]])
    truth.start("rlock", want, RLOCK_A)
    waits("rlock", "rlock", RLOCK_A, [["gone", None]])


def chain():
    """Threads that wait, one for the other, for one that reads."""
    def reads():
        with LOCK_A:
            meeting.meet()
            os.read(truth.gate, 1)

    def takes():
        with LOCK_B:
            meeting.meet()
            with LOCK_A:
                pass

    def wants():
        meeting.meet()
        with LOCK_B:
            pass
    meeting = Meeting(3)
    for function in reads, takes, wants:
        truth.start(function.__name__, function)
    waits("takes", "lock", LOCK_A, [proved("reads")])
    waits("wants", "lock", LOCK_B, [proved("takes")])


class Waits(object):
    """Reads as it is left."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.read(truth.gate, 1)


def blocks():
    """What is held in handlers, after blocks, in several of them, and as they are left."""
    def in_except(lock, _):
        with lock:
            try:
                raise ValueError
            except ValueError:
                os.read(truth.gate, 1)

    def after_except(_, other):
        try:
            with other:
                raise ValueError
        except ValueError:
            os.read(truth.gate, 1)

    def in_finally(lock, other):
        try:
            with other:
                pass
        finally:
            with lock:
                os.read(truth.gate, 1)

    def in_finally_of_error(lock, other):
        try:
            try:
                with other:
                    raise ValueError
            finally:
                with lock:
                    os.read(truth.gate, 1)
        except ValueError:
            pass

    def after_block(_, other):
        with other:
            pass
        os.read(truth.gate, 1)

    def returns(lock, _):
        with lock:
            return os.read(truth.gate, 1)

    def loops(lock, other):
        for one in [lock]:
            with one:
                for _ in range(2):
                    with other:
                        continue
                while True:
                    os.read(truth.gate, 1)

    def as_it_is_left(lock, other):
        with lock:
            with Waits():
                with other:
                    pass

    def as_it_is_left_by_error(lock, other):
        with lock:
            with Waits():
                with other:
                    raise ValueError

    def both(lock, other):
        with lock, other:
            os.read(truth.gate, 1)

    def inner(lock, other):
        with other:
            os.read(truth.gate, 1)

    def outer(lock, other):
        with lock:
            inner(lock, other)

    def iterates(lock, other):
        def numbers():
            with other:
                yield 1
                os.read(truth.gate, 1)
        with lock:
            for _ in numbers():
                pass
    counts = {in_except: 1, after_except: 0, in_finally: 1, in_finally_of_error: 1, after_block: 0, returns: 1, loops: 1,
              as_it_is_left: 1, as_it_is_left_by_error: 1, both: 2, outer: 2, iterates: 2}
    for function, count in counts.items():
        locks = [threading.Lock(), threading.Lock()]
        KEEP.append(locks)
        truth.start(function.__name__, function, *locks)
        HOLDS[function.__name__] = [id(lock) for lock in reversed(locks[:count])]


def given_back():
    """A block that gives its lock back before its end."""
    def gives_back():
        with LOCK_A:
            LOCK_A.release()
            meeting.meet()
            os.read(truth.gate, 1)

    def takes():
        meeting.meet()
        LOCK_A.acquire()
        second.meet()
        os.read(truth.gate, 1)

    def wants():
        second.meet()
        with LOCK_A:
            pass
    meeting, second = Meeting(2), Meeting(2)
    for function in gives_back, takes, wants:
        truth.start(function.__name__, function)
    waits("wants", "lock", LOCK_A, [possible("gives_back"), possible("takes")])


def kinds():
    """One thread in each kind of wait; none in a circle."""
    def start(name, kind, function, *args, **options):
        truth.start(name, function, *args)
        waits(name, kind, options.get("object"), options.get("owners", ()))

    def hold(lock, rlock):
        lock.acquire()
        rlock.acquire()
        meeting.meet()
        os.read(truth.gate, 1)

    def block(lock):
        with lock:
            meeting.meet()
            os.read(truth.gate, 1)

    def in_block(lock):
        with lock:
            pass

    def condition_wait(condition):
        with condition:
            condition.wait()

    def condition_wait_long(condition):
        with condition:
            condition.wait(86400)
    mutex = threading.Lock()
    meeting = Meeting(4)
    truth.start("holder", hold, LOCK_A, RLOCK_A)
    truth.start("block", block, LOCK_B)
    truth.start("mutex", block, mutex)
    meeting.meet()
    start("lock", "lock", LOCK_A.acquire, object=LOCK_A, owners=[possible("holder")])
    start("with", "lock", in_block, LOCK_B, object=LOCK_B, owners=[proved("block")])
    start("rlock", "rlock", RLOCK_A.acquire, object=RLOCK_A, owners=[proved("holder")])
    condition, inner = threading.Condition(), threading.Condition(threading.Lock())
    start("condition", "condition", condition_wait, condition, object=condition)
    start("inner", "condition", condition_wait, inner, object=inner)
    start("condition-long", "condition", condition_wait_long, condition, object=condition)
    start("mutex-of-condition", "lock", in_block, threading.Condition(mutex), object=mutex, owners=[proved("mutex")])
    event = threading.Event()
    start("event", "event", event.wait, object=event)
    semaphore = threading.Semaphore(0)
    start("semaphore", "semaphore", semaphore.acquire, object=semaphore)
    empty, full, undone = queue.Queue(), queue.Queue(1), queue.Queue()
    full.put(1)
    undone.put(1)
    start("get", "queue-get", empty.get, object=empty)
    start("put", "queue-put", full.put, 2, object=full)
    start("done", "queue-join", undone.join, object=undone)
    ranked = queue.PriorityQueue()
    start("get-ranked", "queue-get", ranked.get, object=ranked)
    holder = [one for one in threading.enumerate() if one.name == "holder"][0]
    start("join", "join", holder.join, object=holder, owners=[proved("holder")])
    if hasattr(threading, "Barrier"):
        barrier = threading.Barrier(2)
        start("barrier", "barrier", barrier.wait, object=barrier)
    if hasattr(queue, "SimpleQueue"):
        simple = queue.SimpleQueue()
        start("simple", "queue-get", simple.get, object=simple)
    if futures:
        future = futures.Future()
        start("future", "future", future.result, object=future)
        start("futures", "futures", futures.wait, [future])
    pool = multiprocessing.pool.ThreadPool(1)
    result = pool.apply_async(os.read, (truth.gate, 1))
    start("result", "pool-result", result.get, object=result)
    KEEP.extend([pool, result])
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=True)
    KEEP.append(process)
    start("process", "process", process.wait)
    shared = multiprocessing.Lock()

    def hold_shared():
        with shared:
            os.read(truth.gate, 1)
    truth.start("sharer", hold_shared)
    truth.wait_blocked([truth.native_id(one.ident) for one in threading.enumerate() if one.name == "sharer"])
    start("shared", "shared-lock", shared.acquire, object=shared._semlock, owners=[proved("sharer")])
    permits = multiprocessing.Semaphore(2)
    permits.acquire()
    permits.acquire()
    start("permits", "shared-lock", permits.acquire, object=permits._semlock)
    KEEP.extend([shared, permits])
    KEEP.extend(os.pipe())
    start("call", "call", os.read, KEEP[-2], 1)
    KEEP.extend([condition, event, semaphore, empty, full, undone, ranked, inner])


def in_call(pid, call):
    """Whether a process waits in a system call that the kernel shows so."""
    with open("/proc/%d/syscall" % pid) as file:
        return file.read().startswith(call)


def ends():
    """Files of which something is known at the other end."""
    # Both ends of a pipe whose other end is open in the child.
    to, back = os.pipe(), os.pipe()
    process = subprocess.Popen(["cat"], stdin=to[0], stdout=back[1], close_fds=True)
    os.close(to[0])
    os.close(back[1])
    truth.start("reads", os.read, back[0], 1)
    DETAILS["reads"] = "can be written by process %d (cat)" % process.pid
    truth.start("child", process.wait)
    while not in_call(process.pid, "0 0x0 "):
        time.sleep(0.001)
    DETAILS["child"] = "process %d (cat), which is in read on fd 0, a pipe which can be written by " \
        "this process itself" % process.pid
    full = subprocess.Popen(["yes"], stdout=subprocess.PIPE, close_fds=True)
    while not in_call(full.pid, "1 0x1 "):
        time.sleep(0.001)
    truth.start("full", full.wait)
    DETAILS["full"] = "process %d (yes), which is in write on fd 1, a pipe which can be read by " \
        "this process itself" % full.pid
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    client = socket.create_connection(listener.getsockname())
    server, peer = listener.accept()
    truth.start("receives", server.recv, 1)
    DETAILS["receives"] = "tcp %s:%d, peer %s:%d" % (server.getsockname() + peer)
    truth.start("accepts", listener.accept)
    DETAILS["accepts"] = "tcp %s:%d" % listener.getsockname()
    KEEP.extend([process, full, listener, client, server, to, back])


def buffered():
    """A file that one thread reads while another wants to."""
    ends = os.pipe()
    file = os.fdopen(ends[0], "rb") if not truth.PY2 else __import__("io").open(ends[0], "rb")
    KEEP.extend([file, ends])
    truth.start("reader", file.read, 1)
    truth.wait_blocked([truth.native_id(one.ident) for one in threading.enumerate() if one.name == "reader"])
    truth.start("second", file.read, 1)
    waits("second", "buffer", file, [proved("reader")])


def main():
    globals()[sys.argv[1]]()
    truth.tell_and_wait(idents_=IDENTS or None, with_locals_=False, waits=WAITS, deadlocks=DEADLOCKS, name=NAMES, details=DETAILS, holds=HOLDS)
    for one in KEEP:
        if isinstance(one, subprocess.Popen) and one.poll() is None:
            one.kill()
    os._exit(0)


if __name__ == "__main__":
    main()
