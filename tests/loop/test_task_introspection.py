"""What a `lab.loop.task.Task` tells of itself, and what it keeps and lets go."""

from __future__ import annotations

import asyncio
import gc
import sys
import traceback
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from lab.loop.future import Future
from lab.loop.task import Task
from tests.loop.hand_cranked_loop import HandCrankedLoop


@pytest.fixture
def loop() -> Iterator[HandCrankedLoop]:
    """A loop that nothing may be reported to, unless the test takes the reports away."""
    loop = HandCrankedLoop()
    yield loop
    assert loop.reports == []


async def wait_for(future: Any) -> Any:
    return await future


def test_a_task_has_a_name(loop: HandCrankedLoop) -> None:
    first, second = (Task(asyncio.sleep(0), loop=loop) for _ in range(2))
    assert int(second.get_name().removeprefix("Task-")) == int(first.get_name().removeprefix("Task-")) + 1
    named = Task(asyncio.sleep(0), loop=loop, name=7)
    assert named.get_name() == "7"
    named.set_name("seven")
    assert "name='seven'" in repr(named)
    loop.run()


def test_nobody_but_the_coroutine_decides_how_the_task_ends(loop: HandCrankedLoop) -> None:
    task = Task(asyncio.sleep(0), loop=loop)
    with pytest.raises(RuntimeError, match="does not support set_result"):
        task.set_result(1)
    with pytest.raises(RuntimeError, match="does not support set_exception"):
        task.set_exception(ValueError())
    loop.run()
    assert task.result() is None


def test_a_pending_task_that_vanishes_is_reported_unless_told_not_to(loop: HandCrankedLoop) -> None:
    for wanted in (True, False):
        task = Task(wait_for(Future(loop=loop)), loop=loop)
        task._log_destroy_pending = wanted
        loop.turn()
        del task
        gc.collect()  # the task and the future it waits for refer to each other
    (report,) = loop.reports
    loop.reports.clear()
    assert report["message"] == "Task was destroyed but it is pending!"
    assert isinstance(report["task"], Task)


def test_in_debug_mode_a_task_knows_who_made_it() -> None:
    loop = HandCrankedLoop(debug=True)
    task = Task(asyncio.sleep(0), loop=loop)
    here = sys._getframe()
    assert (task._source_traceback[-1].name, task._source_traceback[-1].lineno) == (
        here.f_code.co_name,
        here.f_lineno - 4,
    )
    loop.run()


def test_a_failed_tasks_traceback_begins_in_its_coroutine(loop: HandCrankedLoop) -> None:
    async def fail() -> None:
        raise ValueError

    task = Task(fail(), loop=loop)
    loop.run()
    error = task.exception()
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["fail"]
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["fail"]


class Traced(Exception):
    """An exception that a weak reference can follow."""


def test_the_exception_of_a_task_is_freed_without_the_garbage_collector(loop: HandCrankedLoop) -> None:
    async def wait() -> None:
        await futures.pop()

    futures = [Future(loop=loop)]  # in lists: no frame that the traceback leads to may keep one as a local
    tasks = [Task(wait(), loop=loop)]
    loop.call_soon(futures[0].set_exception, Traced())
    gc.disable()
    try:
        loop.run()
        error = weakref.ref(tasks[0].exception())
        assert "wait" in [frame.name for frame in traceback.extract_tb(error().__traceback__)]
        tasks.clear()
        assert error() is None
    finally:
        gc.enable()


class TracedInterrupt(KeyboardInterrupt):
    """An interrupt that a weak reference can follow."""


def test_an_interrupt_that_left_the_turn_is_freed_with_its_task(loop: HandCrankedLoop) -> None:
    async def interrupt() -> None:
        raise TracedInterrupt

    tasks = [Task(interrupt(), loop=loop)]
    gc.disable()
    try:
        try:
            loop.run()
        except TracedInterrupt as interrupted:
            error = weakref.ref(interrupted)
        assert error() is tasks[0].exception()
        tasks.clear()
        assert error() is None
    finally:
        gc.enable()
