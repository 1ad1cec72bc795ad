# -*- coding: utf-8 -*-
# requires: 3.5
"""Tasks of asyncio that burn processor time, each in functions of its own.

One loop runs in the main thread and one in the thread "second", with the tasks of `extra.tasks`: name, thread, and
the functions that only this task calls. Work gets to a task through chains of coroutines, async generators and
gather. `extra.outside`: functions that no task calls, some of them with a loop in another thread, or as its callbacks.

Every task changes hands as often as it can (`sleep(0)`), and one begins and ends tasks all the time; those have names
that tell which function they call. Before tasks had names (3.8) they are told apart by their coroutines.

Arguments: `python` for tasks of Python code, where asyncio has them beside those of C code.
"""
import asyncio
import sys
import threading
import time

import truth

NAMED = sys.version_info >= (3, 8)
PYTHON = "python" in sys.argv[1:]
if PYTHON and not hasattr(asyncio.tasks, "_PyTask"):
    truth.skip("tasks are of Python code here anyway")
Task = asyncio.tasks._PyTask if PYTHON else asyncio.Task
tasks, outside = [], []


def burner(name):
    """A function of this name that takes a moment."""
    made = {}
    exec("def %s():\n    total = 0\n    for number in range(1000):\n        total += number\n    return total" % name, made)
    return made[name]


def of_task(task, thread, name):
    """A function that only the task with this name calls, in this thread."""
    tasks.append([task, thread, name])
    return burner(name)


def of_none(name):
    outside.append(name)
    return burner(name)


def begin(loop, coroutine, name):
    """A task with a name, where they have names."""
    task = Task(coroutine, loop=loop, **({"name": name} if NAMED else {}))
    return task


def named(name, coroutine):
    """What a task is called that executes this coroutine function."""
    return name if NAMED else "Task of " + coroutine.__qualname__


def now(loop):
    """What resumes a coroutine of this loop at its next turn, without a task of its own."""
    made = loop.create_future()
    loop.call_soon(lambda: made.done() or made.set_result(None))
    return made


class Loop:
    """The tasks of one loop."""

    def __init__(self, thread):
        self.thread = thread
        self.loop = asyncio.new_event_loop()
        self.between = of_none("between_%s" % thread)

    def make(self):
        """Makes the coroutines, each a function of its own so that it can be told apart."""
        thread, loop = self.thread, self.loop

        # Work deep down a chain of coroutines.
        in_chain, at_top = [of_task(named("chain-%s" % thread, chain), thread, name % thread)
                            for name in ("in_chain_%s", "at_top_%s")]

        async def deep(depth):
            if depth:
                return await deep(depth - 1)
            in_chain()
            await now(loop)
            in_chain()

        self.at_top, self.deep = at_top, deep
        yield begin(loop, chain(self), "chain-%s" % thread)

        # Work in the children of gather, each a task.
        child = [of_task(named("child-%d-%s" % (number, thread), [first, second][number]), thread,
                         "child_%d_%s" % (number, thread)) for number in (0, 1)]
        self.children = child
        self.parent = of_task(named("gather-%s" % thread, gather), thread, "parent_%s" % thread)
        yield begin(loop, gather(self), "gather-%s" % thread)

        # Tasks that begin and end all the time.
        self.short = [of_task(named("short-%d-%s" % (number, thread), [short_0, short_1, short_2][number]), thread,
                              "short_%d_%s" % (number, thread)) for number in range(3)]
        self.maker = of_task(named("maker-%s" % thread, maker), thread, "maker_%s" % thread)
        yield begin(loop, maker(self), "maker-%s" % thread)

        # Names that change.
        if hasattr(Task, "set_name"):
            self.renamed = [of_task("renamed-%d-%s" % (number, thread), thread, "renamed_%d_%s" % (number, thread))
                            for number in (0, 1)]
            self.changing = begin(loop, renamed(self), "renamed-0-%s" % thread)
            yield self.changing

        # Generators, and async generators where there are any, in a task.
        self.generated = of_task(named("generator-%s" % thread, generators), thread, "generated_%s" % thread)
        self.asynchronous = of_task(named("generator-%s" % thread, generators), thread, "asynchronous_%s" % thread)
        yield begin(loop, generators(self), "generator-%s" % thread)

        # Tasks that begin before their maker goes on.
        if not PYTHON and hasattr(asyncio, "eager_task_factory"):
            self.eager = of_task("eager-%s" % thread, thread, "eager_%s" % thread)
            self.before = of_task("eager-maker-%s" % thread, thread, "eager_maker_%s" % thread)
            yield begin(loop, eager_maker(self), "eager-maker-%s" % thread)

    def run(self):
        self.loop.call_soon(self.callback)
        made = list(self.make())
        self.ready = True
        ready.wait()
        self.loop.run_until_complete(asyncio.gather(*made, **({} if sys.version_info >= (3, 10) else {"loop": self.loop})))

    def callback(self):
        """No task calls this."""
        self.between()
        if not ended:
            self.loop.call_soon(self.callback)


async def chain(self):
    while not ended:
        await self.deep(20)
        self.at_top()
        await asyncio.sleep(0)


async def first(self):
    for _ in range(20):
        self.children[0]()
        await asyncio.sleep(0)


async def second(self):
    self.children[1]()
    await asyncio.sleep(0)
    self.children[1]()


async def gather(self):
    while not ended:
        children = [begin(self.loop, [first, second][number](self), "child-%d-%s" % (number, self.thread))
                    for number in (0, 1)]
        self.parent()
        await asyncio.gather(*children)


async def short_0(self):
    self.short[0]()


async def short_1(self):
    self.short[1]()


async def short_2(self):
    self.short[2]()


async def maker(self):
    while not ended:
        for number, coroutine in enumerate((short_0, short_1, short_2)):
            await begin(self.loop, coroutine(self), "short-%d-%s" % (number, self.thread))
            self.maker()


async def renamed(self):
    while not ended:
        for number in (0, 1):
            # The name is made anew each time, and may lie where the last one did.
            self.changing.set_name("-".join(["renamed", str(number), self.thread]))
            for _ in range(10):
                self.renamed[number]()
                await asyncio.sleep(0)


if sys.version_info >= (3, 6):
    exec("""async def asynchronous(self):
    for _ in range(5):
        self.asynchronous()
        yield
        await asyncio.sleep(0)


async def exhaust(self):
    async for _ in asynchronous(self):
        pass
""")
else:
    async def exhaust(self):
        self.asynchronous()


async def generators(self):
    def generate():
        for _ in range(5):
            self.generated()
            yield 1

    while not ended:
        sum(generate())
        for _ in generate():
            pass
        await exhaust(self)


async def eager(self):
    self.eager()
    await asyncio.sleep(0)
    self.eager()


async def eager_maker(self):
    while not ended:
        self.before()
        task = asyncio.Task(eager(self), loop=self.loop, name="eager-%s" % self.thread, eager_start=True)
        self.before()
        await task


def by_hand(burn):
    """A coroutine that no task executes."""
    async def coroutine():
        burn()

    while not ended:
        for _ in range(20):
            try:
                coroutine().send(None)
            except StopIteration:
                pass
        time.sleep(0.005)


def alone(burn):
    """Without any coroutine."""
    while not ended:
        for _ in range(20):
            burn()
        time.sleep(0.005)


ended = []
ready = threading.Event()
loops = [Loop("first"), Loop("second")]
started = [truth.start("second", loops[1].run), truth.start("alone", alone, of_none("alone_0")),
           truth.start("by-hand", by_hand, of_none("by_hand_0"))]
while not hasattr(loops[1], "ready"):
    time.sleep(0.001)
made = list(loops[0].make())


def tell():
    truth.tell({"tasks": tasks, "outside": outside})
    truth.start("end", end)


def end():
    truth.wait()
    ended.append(True)


loops[0].loop.call_soon(loops[0].callback)
loops[0].loop.call_soon(tell)
ready.set()
loops[0].loop.run_until_complete(
    asyncio.gather(*made, **({} if sys.version_info >= (3, 10) else {"loop": loops[0].loop})))
for thread in started:
    thread.join()
