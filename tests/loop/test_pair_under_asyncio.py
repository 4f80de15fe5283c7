"""`lab.loop`'s futures and tasks under asyncio's loop and helpers, alone and mixed with the C versions."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lab.loop.future import Future
from lab.loop.task import Task

PAIRS = {
    "ours": (Task, Future),
    "our task, C future": (Task, asyncio.Future),
    "C task, our future": (asyncio.Task, Future),
}


class PairLoop(asyncio.SelectorEventLoop):
    """The stock loop, making the tasks and futures it is told to."""

    def __init__(self, task: type, future: type) -> None:
        super().__init__()
        self.set_task_factory(lambda loop, coro, **options: task(coro, loop=loop, **options))
        self.future = future

    def create_future(self) -> Any:
        return self.future(loop=self)


Run = Callable[[Awaitable[Any]], Any]


@pytest.fixture(params=PAIRS.values(), ids=PAIRS)
def run(request: pytest.FixtureRequest) -> Run:
    """What `asyncio.run` does, on a loop with each pair."""

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=lambda: PairLoop(*request.param)) as runner:
            return runner.run(main)

    return run


def soon(value: Any) -> Any:
    """A future of the running loop that gets ``value``, a result or an exception, in the next turn."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    keep = future.set_exception if isinstance(value, Exception) else future.set_result
    loop.call_soon(keep, value)
    return future


def test_a_future_gives_a_task_its_result(run: Run) -> None:
    async def main() -> list[int]:
        return [await soon(number) for number in range(5)]

    assert run(main()) == [0, 1, 2, 3, 4]


def test_a_futures_exception_is_raised_where_it_is_awaited(run: Run) -> None:
    async def main() -> str:
        try:
            await soon(ValueError("no"))
        except ValueError as error:
            return traceback.extract_tb(error.__traceback__)[0].name

    assert run(main()) == "main"


def test_gather_collects_results_and_exceptions_in_order(run: Run) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(soon(1), later(2), soon(KeyError()), return_exceptions=True)

    first, second, third = run(main())
    assert (first, second, type(third)) == (1, 2, KeyError)


async def later(value: Any) -> Any:
    return await soon(value)


async def never() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_timeout_cancels_the_task_and_takes_the_request_back(run: Run) -> None:
    async def main() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await never()
        return asyncio.current_task().cancelling()

    assert run(main()) == 0


def test_wait_for_gives_up_on_what_takes_too_long(run: Run) -> None:
    async def main() -> str:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(never(), 0.001)
        return await asyncio.wait_for(later("quick"), 5)

    assert run(main()) == "quick"


def test_a_task_group_cancels_the_others_when_one_fails(run: Run) -> None:
    async def main() -> tuple[bool, int]:
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(never())
                group.create_task(later(ValueError()))
        return waiting.cancelled(), len(caught.value.exceptions)

    assert run(main()) == (True, 1)


def test_a_shield_keeps_the_inner_task_from_its_waiters_cancellation(run: Run) -> None:
    async def main() -> str:
        release = asyncio.get_running_loop().create_future()
        inner = asyncio.create_task(finish(release))
        outer = asyncio.create_task(finish(asyncio.shield(inner)))
        await asyncio.sleep(0)
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        release.set_result("alive")
        return await inner

    async def finish(future: Any) -> Any:
        return await future

    assert run(main()) == "alive"


def test_wait_and_as_completed_see_the_same_tasks_end(run: Run) -> None:
    async def main() -> tuple[set[int], set[int]]:
        tasks = [asyncio.create_task(later(number)) for number in range(3)]
        done, pending = await asyncio.wait(tasks)
        assert not pending
        return {task.result() for task in done}, {await each for each in asyncio.as_completed(tasks)}

    assert run(main()) == ({0, 1, 2}, {0, 1, 2})


def test_a_threads_work_can_be_awaited(run: Run) -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 42)

    assert run(main()) == 42


def test_the_runner_cancels_what_is_left(run: Run) -> None:
    left: list[Any] = []

    async def main() -> None:
        left.append(asyncio.create_task(never()))
        await asyncio.sleep(0)

    run(main())
    assert left[0].cancelled()
