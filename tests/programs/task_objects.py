# -*- coding: utf-8 -*-
# requires: 3.5
"""Tasks of asyncio that wait, of a loop that goes on and of one whose thread has ended.

extra.tasks: [name, address], for each task that has not ended: before tasks had names (3.8), the qualified name of its
coroutine. Several have the same name. Arguments: `python` for tasks of Python code, where asyncio has them beside
those of C code.
"""
import asyncio
import sys

import truth

NAMED = sys.version_info >= (3, 8)
PYTHON = "python" in sys.argv[1:]
if PYTHON and not hasattr(asyncio.tasks, "_PyTask"):
    truth.skip("tasks are of Python code here anyway")
Task = asyncio.tasks._PyTask if PYTHON else asyncio.Task
kept, told = [], []


class Derived(Task):
    """A class of a program's own."""


class Server:
    async def serve(self, future):
        await future


async def waits(future):
    await future


async def nested(future):
    async def inner():
        await waits(future)
    await inner()


async def ends():
    return 1


def begin(loop, coroutine, name=None, kind=Task):
    named = {"name": name} if NAMED and name else {}
    task = kind(coroutine, loop=loop, **named)
    kept.append((task, name if named else None, coroutine.__qualname__))
    return task


def make(loop, thread):
    future = loop.create_future()
    begin(loop, waits(future), "waits-" + thread)
    begin(loop, nested(future), "nested %s" % thread)
    begin(loop, Server().serve(future))
    begin(loop, waits(future), u"größer-%s" % thread, Derived)
    for _ in range(3):
        begin(loop, waits(future), "same-" + thread)


def in_thread():
    loop = asyncio.new_event_loop()
    make(loop, "ended")
    loop.run_until_complete(Task(ends(), loop=loop))
    loops.append(loop)


def tell():
    # Not get_name(): that makes a number a str.
    truth.tell_and_wait(tasks=[[name or qualname, id(task)] for task, name, qualname in kept])


async def main():
    made = [begin(loop, ends()) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert all(task.done() for task in made)
    del kept[-2:], made
    if not PYTHON and hasattr(asyncio, "eager_task_factory"):
        async def eager():
            # It is not known which address it has until it goes on.
            kept.append((asyncio.current_task(), "eager", "main.<locals>.eager"))
            tell()
        await asyncio.Task(eager(), loop=loop, name="eager", eager_start=True)
    else:
        tell()


loops = []
thread = truth.start("ended", in_thread)
thread.join()
loop = asyncio.new_event_loop()
make(loop, "goes-on")
kept.append((Task(main(), loop=loop, **({"name": "main"} if NAMED else {})), "main" if NAMED else None, "main"))
loop.run_until_complete(kept[-1][0])
