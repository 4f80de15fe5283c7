"""Cancelling a `lab.loop.task.Task`: a request that the coroutine may act on, delay or refuse."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import Any

import pytest

from lab.loop.future import Future
from lab.loop.task import Task
from tests.loop.hand_cranked_loop import HandCrankedLoop


@pytest.fixture
def loop() -> HandCrankedLoop:
    return HandCrankedLoop()


@pytest.fixture
def future(loop: HandCrankedLoop) -> Future:
    return Future(loop=loop)


async def wait_for(future: Any) -> Any:
    return await future


def test_a_task_cancelled_before_it_began_never_runs(loop: HandCrankedLoop) -> None:
    ran: list[bool] = []

    async def work() -> None:
        ran.append(True)

    task = Task(work(), loop=loop)
    assert task.cancel("early")
    assert not task.cancelled(), "it is only asked to"
    loop.run()
    assert (task.cancelled(), ran) == (True, [])
    with pytest.raises(asyncio.CancelledError, match="early"):
        task.result()


def test_a_waiting_task_cancels_what_it_waits_for_and_gets_the_message(
    loop: HandCrankedLoop, future: Future
) -> None:
    task = Task(wait_for(future), loop=loop)
    loop.turn()
    assert task.cancel("enough")
    assert future.cancelled()
    loop.run()
    with pytest.raises(asyncio.CancelledError) as caught:
        task.result()
    assert caught.value.args == ("enough",)
    assert "wait_for" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_a_coroutine_may_refuse(loop: HandCrankedLoop, future: Future) -> None:
    async def stubborn() -> str:
        try:
            await future
        except asyncio.CancelledError:
            return "no"

    task = Task(stubborn(), loop=loop)
    loop.turn()
    task.cancel()
    loop.run()
    assert (task.result(), task.cancelled()) == ("no", False)


def test_a_request_from_inside_takes_effect_at_the_next_await(loop: HandCrankedLoop, future: Future) -> None:
    async def leave() -> None:
        asyncio.current_task(loop).cancel("from inside")
        await future

    task = Task(leave(), loop=loop)
    loop.turn()
    assert future.cancelled()
    loop.run()
    assert task.cancelled()


def test_a_request_in_the_last_step_still_counts(loop: HandCrankedLoop) -> None:
    async def end() -> str:
        asyncio.current_task(loop).cancel("too late for the coroutine")
        return "lost"

    task = Task(end(), loop=loop)
    loop.run()
    with pytest.raises(asyncio.CancelledError, match="too late"):
        task.result()


def test_a_request_between_the_futures_result_and_the_wake_up_still_counts(
    loop: HandCrankedLoop, future: Future
) -> None:
    task = Task(wait_for(future), loop=loop)
    loop.turn()
    future.set_result("arrived")
    assert task.cancel()
    loop.run()
    assert task.cancelled()


def test_a_task_that_waits_for_a_task_passes_the_request_on_again_and_again(
    loop: HandCrankedLoop, future: Future
) -> None:
    async def refuse_once() -> None:
        try:
            await future
        except asyncio.CancelledError:
            await Future(loop=loop)

    inner = Task(refuse_once(), loop=loop)
    outer = Task(wait_for(inner), loop=loop)
    loop.run()
    outer.cancel()
    loop.run()
    assert not outer.done(), "the inner task refused"
    outer.cancel()
    loop.run()
    assert inner.cancelled() and outer.cancelled()


def test_a_task_that_is_done_cannot_be_cancelled(loop: HandCrankedLoop) -> None:
    task = Task(asyncio.sleep(0, "done"), loop=loop)
    loop.run()
    assert task.cancel() is False
    assert (task.result(), task.cancelling()) == ("done", 0)


def test_requests_are_counted_and_can_be_taken_back(loop: HandCrankedLoop, future: Future) -> None:
    task = Task(wait_for(future), loop=loop)
    loop.turn()
    task.cancel()
    task.cancel()
    assert task.cancelling() == 2
    assert [task.uncancel(), task.uncancel(), task.uncancel()] == [1, 0, 0]
    loop.run()
    assert task.cancelled(), "a request that arrived is not undone"


def test_taking_back_the_last_request_stops_it_since_python_3_13(loop: HandCrankedLoop) -> None:
    task = Task(asyncio.sleep(0), loop=loop)
    task.cancel()
    task.uncancel()
    loop.run()
    assert task.cancelled() is (sys.version_info < (3, 13))


def test_the_original_cancellation_is_raised_once_then_copies_of_it(
    loop: HandCrankedLoop, future: Future
) -> None:
    task = Task(wait_for(future), loop=loop)
    loop.turn()
    task.cancel()
    loop.run()
    raised = []
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError) as caught:
            task.result()
        raised.append(caught.value)
    frames = [[frame.name for frame in traceback.extract_tb(error.__traceback__)] for error in raised]
    assert ["wait_for" in names for names in frames] == [True, False, False]
