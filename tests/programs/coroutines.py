# requires: 3.6
"""Coroutines, async generators, async with/for/comprehensions; asyncio runs, the innermost call blocks."""
import asyncio
import os

import truth


async def innermost(number):
    os.read(truth.gate, 1)
    return number


async def middle(number):
    return await innermost(
        number + 1
    )


async def ticks(count):
    for number in range(count):
        yield await middle(number)


class Resource:
    async def __aenter__(self):
        await middle(10)
        return self

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)


class Awaitable:
    def __await__(self):
        yield
        return (yield from middle(20).__await__())


async def by_await():
    await asyncio.sleep(0)
    return await middle(1)


async def by_async_for():
    async for tick in ticks(2):
        return tick


async def by_async_with():
    async with Resource() as resource:
        return resource


async def by_comprehension():
    return [tick async for tick in ticks(2)]


async def by_awaitable():
    return await Awaitable()


async def by_gather():
    return await asyncio.gather(asyncio.sleep(3600), middle(30))


async def by_asend():
    generator = ticks(2)
    return await generator.asend(None)


def by_hand():
    """A coroutine driven without a loop."""
    coroutine = middle(40)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def run(function):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(function())


async def main():
    task = asyncio.ensure_future(tells())
    await task


async def tells():
    await asyncio.sleep(0)
    truth.tell_and_wait()


if __name__ == "__main__":
    functions = [by_await, by_async_for, by_async_with, by_comprehension, by_awaitable, by_gather, by_asend]
    threads = [truth.start(f.__name__, run, f) for f in functions]
    threads.append(truth.start("by_hand", by_hand))
    truth.wait_blocked([truth.native_id(t.ident) for t in threads], 0)
    if hasattr(asyncio, "run"):
        asyncio.run(main())
    else:
        asyncio.get_event_loop().run_until_complete(main())
    os._exit(0)
