"""A `lab.loop.task.Task` that starts inside its caller's step, without waiting for a turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lab.loop.task import Task
from tests.loop.hand_cranked_loop import HandCrankedLoop


def test_an_eager_task_runs_inside_its_callers_step_up_to_its_first_pause() -> None:
    loop = HandCrankedLoop(running=True)
    current: list[Any] = []

    async def inner() -> None:
        current.append(asyncio.current_task(loop))
        await asyncio.sleep(0)

    async def outer() -> Task:
        task = Task(inner(), loop=loop, eager_start=True)
        current.append(asyncio.current_task(loop))
        return task

    caller = Task(outer(), loop=loop)
    loop.turn()
    eager = caller.result()
    assert current == [eager, caller]
    assert asyncio.all_tasks(loop) == {eager}
    loop.run()
    assert eager.done()


def test_an_eager_task_that_never_pauses_is_done_when_made() -> None:
    loop = HandCrankedLoop(running=True)

    async def answer() -> int:
        return 42

    task = Task(answer(), loop=loop, eager_start=True)
    assert (task.result(), task.get_coro()) == (42, None)
    assert asyncio.current_task(loop) is None
    assert not loop.ready


def test_an_eager_start_waits_for_a_loop_that_does_not_run_yet() -> None:
    loop = HandCrankedLoop(running=False)
    task = Task(asyncio.sleep(0, "later"), loop=loop, eager_start=True)
    assert not task.done()
    loop.run()
    assert task.result() == "later"


def test_what_ends_the_program_leaves_the_eager_tasks_maker_as_the_current_task() -> None:
    loop = HandCrankedLoop(running=True)

    async def interrupt() -> None:
        raise KeyboardInterrupt

    async def make() -> bool:
        with pytest.raises(KeyboardInterrupt):
            Task(interrupt(), loop=loop, eager_start=True)
        return asyncio.current_task(loop) is maker

    maker = Task(make(), loop=loop)
    loop.run()
    assert maker.result()
