"""`lab.loop`'s futures and tasks side by side with asyncio's: they look alike and behave alike."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import random
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.future import Future, loop_of
from lab.loop.task import Task
from tests.loop.hand_cranked_loop import HandCrankedLoop

OURS = (Task, Future)
ASYNCIOS = (asyncio.Task, asyncio.Future)


@pytest.fixture
def loop() -> HandCrankedLoop:
    return HandCrankedLoop()


@pytest.fixture
def future(loop: HandCrankedLoop) -> Future:
    return Future(loop=loop)


# They behave alike.


class History:
    """What one task and three futures go through, by a seed: the same for every pair that keeps the rules."""

    def __init__(self, seed: int, task_class: type, future_class: type) -> None:
        self.random = random.Random(seed)
        self.loop = HandCrankedLoop()
        self.futures = [future_class(loop=self.loop) for _ in range(3)]
        self.refuses = [self.random.random() < 0.4 for _ in self.futures]
        self.naps = [self.random.random() < 0.3 for _ in self.futures]
        self.log: list[Any] = []
        self.task = task_class(self.work(), loop=self.loop)
        self.task.add_done_callback(lambda task: self.log.append("task done"))

    async def work(self) -> str:
        for future, refuses, naps in zip(self.futures, self.refuses, self.naps, strict=True):
            try:
                self.log.append(await future)
            except ValueError as error:
                self.log.append(error.args)
            except asyncio.CancelledError as error:
                self.log.append(("cancelled", *error.args))
                if not refuses:
                    raise
            if naps:
                await asyncio.sleep(0)
        return "end"

    def event(self, number: int) -> Any:
        """Let one thing happen; return what it returned."""
        future = self.random.choice(self.futures)
        what = self.random.choice(["turn", "turn", "cancel", "uncancel", "result", "fail", "cancel future"])
        if what == "turn":
            return self.loop.turn()
        if what == "cancel":
            return self.task.cancel(number)
        if what == "uncancel":
            return self.task.uncancel()
        if what == "cancel future":
            return future.cancel(number)
        if not future.done():
            return future.set_result(number) if what == "result" else future.set_exception(ValueError(number))
        return None

    def told(self) -> list[Any]:
        """Live through it to the end; return the log."""
        for number in range(15):
            self.log.append(self.event(number))
            self.log.append((self.task.done(), self.task.cancelled(), self.task.cancelling()))
        for future in self.futures:
            if future.cancel() is False and not future.cancelled():
                future.exception()
        self.loop.run()
        self.log.append("cancelled" if self.task.cancelled() else self.task.result())
        return self.log


@pytest.mark.parametrize("first_seed", range(0, 400, 100))
def test_whatever_happens_they_tell_the_same_history(first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 100):
        theirs = History(seed, *ASYNCIOS).told()
        for pair in (OURS, (Task, asyncio.Future), (asyncio.Task, Future)):
            assert History(seed, *pair).told() == theirs, f"seed {seed}"


# They look alike.


async def wait_for(future: Any) -> Any:
    return await future


async def fail() -> None:
    raise ValueError("no")


def views(task_class: type) -> list[str]:
    """How one task prints before it begins, asked to stop while it waits, and at its end."""
    loop = HandCrankedLoop()
    future = asyncio.Future(loop=loop)
    task = task_class(wait_for(future), loop=loop, name="job")
    seen = [repr(task)]
    loop.turn()
    seen.append(repr(task))
    task.cancel()
    seen.append(repr(task))
    loop.run()
    seen.append(repr(task))
    # How the wake-up among the future's callbacks prints is the one thing that differs.
    return [re.sub(r"cb=\[.*?\]|0x[0-9a-f]+", "#", text) for text in seen]


def test_a_task_prints_as_asyncios_does() -> None:
    ours = views(Task)
    assert ours == views(asyncio.Task)
    assert ours[0].startswith("<Task pending name='job' coro=<wait_for() running at ")


def test_a_failed_task_prints_the_stack_that_asyncios_does(loop: HandCrankedLoop) -> None:
    printed = []
    for task_class in (Task, asyncio.Task):
        task = task_class(fail(), loop=loop, name="job")
        loop.run()
        task.print_stack(file=(file := io.StringIO()))
        printed.append(file.getvalue())
        assert isinstance(task.exception(), ValueError)
    assert printed[0] == printed[1]
    assert 'raise ValueError("no")' in printed[0]


def test_a_waiting_task_shows_the_frame_where_its_outermost_coroutine_waits(
    loop: HandCrankedLoop, future: Future
) -> None:
    task = Task(wait_for(wait_for(future)), loop=loop)
    loop.turn()
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["wait_for"]
    future.set_result(None)
    loop.run()
    assert task.get_stack() == []


@pytest.mark.parametrize(
    "prepare",
    [
        lambda f: None,
        lambda f: f.set_result("x" * 100),
        lambda f: (f.set_exception(ValueError("no")), f.exception()),
        lambda f: f.cancel(),
        lambda f: f.add_done_callback(print),
        lambda f: [f.add_done_callback(print) for _ in range(3)],
    ],
    ids=["pending", "result", "exception", "cancelled", "callback", "callbacks"],
)
def test_it_prints_as_asyncios_future_does(loop: HandCrankedLoop, prepare: Callable[[Any], object]) -> None:
    ours, theirs = Future(loop=loop), asyncio.Future(loop=loop)
    prepare(ours)
    prepare(theirs)
    assert repr(ours) == repr(theirs)


# They are accepted where asyncio's are.


def test_a_future_without_a_loop_belongs_to_the_running_one() -> None:
    async def main() -> bool:
        return Future().get_loop() is asyncio.get_running_loop()

    assert asyncio.run(main())


def test_a_subclass_that_forgets_init_says_so_when_asked_for_its_loop() -> None:
    class Forgetful(Future):
        def __init__(self) -> None:
            self.remembered = "everything but super().__init__()"

    with pytest.raises(RuntimeError, match="not initialized"):
        Forgetful().get_loop()


def test_the_loop_of_a_future_is_found_with_either_of_its_names(
    loop: HandCrankedLoop, future: Future
) -> None:
    class Modern:
        def get_loop(self) -> HandCrankedLoop:
            return loop

    class Old:
        _loop = loop

    assert loop_of(future) is loop_of(Modern()) is loop_of(Old()) is loop


def test_it_counts_as_a_future_and_can_be_subscripted_and_referred_to_weakly(future: Future) -> None:
    assert asyncio.isfuture(future)
    assert asyncio.ensure_future(future) is future
    assert Future[int].__args__ == (int,)
    assert weakref.ref(future)() is future


@pytest.mark.parametrize("source", [Future, asyncio.Future])
@pytest.mark.parametrize("target", [Future, asyncio.Future])
def test_a_result_travels_along_a_chain_of_either_kind(source: type, target: type) -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        first, last = source(loop=loop), target(loop=loop)
        asyncio.futures._chain_future(first, last)
        loop.call_soon(first.set_result, "through")
        return await last

    assert asyncio.run(main()) == "through"


def test_cancelling_the_end_of_a_chain_cancels_a_thread_pools_future() -> None:
    async def main() -> bool:
        loop = asyncio.get_running_loop()
        work: concurrent.futures.Future[None] = concurrent.futures.Future()
        ours = Future(loop=loop)
        asyncio.futures._chain_future(work, ours)
        ours.cancel()
        await asyncio.sleep(0)
        return work.cancelled()

    assert asyncio.run(main())
