"""asyncio's own tools on the mini-loop, step by step beside asyncio's loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio, turns

Log = list[Any]


async def queues(loop: Any, log: Log) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(2)

    async def produce() -> None:
        for number in range(6):
            await queue.put(number)
            log.append(("put", number))

    async def consume(name: str) -> None:
        for _ in range(3):
            log.append((name, await queue.get()))
            queue.task_done()

    await asyncio.gather(produce(), consume("a"), consume("b"))
    await queue.join()


async def locks(loop: Any, log: Log) -> None:
    lock, condition, semaphore = asyncio.Lock(), asyncio.Condition(), asyncio.Semaphore(2)
    event, barrier = asyncio.Event(), asyncio.Barrier(3)

    async def use(number: int) -> None:
        async with lock:
            log.append(("locked", number))
            await turns()
        async with semaphore:
            log.append(("semaphore", number))
            await turns(2)
        async with condition:
            if number < 2:
                await condition.wait()
            else:
                condition.notify_all()
        log.append(("notified", number))
        await barrier.wait()
        event.set()
        await event.wait()
        log.append(("end", number))

    await asyncio.gather(*(use(number) for number in range(3)))


async def groups(loop: Any, log: Log) -> None:
    cancelled = []

    async def child(number: int) -> None:
        try:
            await turns(number)
            if number == 2:
                raise LookupError(number)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(child(number))
    except ExceptionGroup as error:
        log.append((repr(error.exceptions), sorted(cancelled)))  # a group cancels in no order


async def timeouts(loop: Any, log: Log) -> None:
    for waiting in (asyncio.Event().wait(), asyncio.sleep(3_600), loop.create_future()):
        try:
            async with asyncio.timeout(0.001) as timeout:
                await waiting
        except TimeoutError:
            log.append(timeout.expired())
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except TimeoutError as error:
        log.append(type(error).__name__)
    log.append(await asyncio.wait_for(asyncio.sleep(0, "in time"), 3_600))


async def shields_and_gathers(loop: Any, log: Log) -> None:
    inner = loop.create_task(asyncio.sleep(0.001, "inner"))
    outer = loop.create_task(asyncio.wait_for(asyncio.shield(inner), 3_600))
    await turns()
    outer.cancel()
    log.append([repr(each) for each in await asyncio.gather(outer, return_exceptions=True)])
    log.append(await inner)
    done, pending = await asyncio.wait(
        [loop.create_task(asyncio.sleep(0)), inner], return_when=asyncio.FIRST_COMPLETED
    )
    log.append((len(done), len(pending)))
    log.append([await each for each in asyncio.as_completed([asyncio.sleep(0.002, 2), asyncio.sleep(0, 1)])])
    await asyncio.gather(*pending)


async def cancellations(loop: Any, log: Log) -> None:
    async def stubborn() -> str:
        for number in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                log.append((number, error.args))
        return "in the end"

    task = loop.create_task(stubborn())
    for number in range(2):
        await turns(2)
        log.append(task.cancel(number))
    log.append((await task, task.cancelling(), task.cancel()))


async def contexts(loop: Any, log: Log) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")

    async def child(mine: str) -> None:
        name.set(mine)
        await turns()
        loop.call_soon(lambda: log.append(name.get()))
        log.append(name.get())
        await turns(2)

    await asyncio.gather(child("one"), child("two"))
    context = contextvars.copy_context()
    await loop.create_task(child("given"), context=context)
    log.append((name.get(), context[name]))


PROGRAMS: list[Callable[[Any, Log], Coroutine[Any, Any, None]]] = [
    queues,
    locks,
    groups,
    timeouts,
    shields_and_gathers,
    cancellations,
    contexts,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_asyncios_tools_do_the_same_in_the_same_order(
    loop: Loop, run: Run, program: Callable[[Any, Log], Coroutine[Any, Any, None]]
) -> None:
    log: Log = []
    run(program(loop, log))
    assert log == beside_asyncio(program)
    assert log
