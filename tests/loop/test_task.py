"""How `lab.loop.task.Task` drives a coroutine, seen turn by turn on a hand-cranked loop."""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections.abc import Callable, Iterator
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


@pytest.fixture
def future(loop: HandCrankedLoop) -> Future:
    return Future(loop=loop)


async def wait_for(future: Any) -> Any:
    return await future


@types.coroutine
def yielding(thing: Any) -> Iterator[Any]:
    """Yield ``thing`` to the task, as no well-behaved awaitable would."""
    return (yield thing)


# The drive.


def test_a_task_begins_with_the_next_turn(loop: HandCrankedLoop) -> None:
    steps: list[str] = []

    async def work() -> str:
        steps.append("ran")
        return "done"

    task = Task(work(), loop=loop)
    assert steps == []
    loop.turn()
    assert steps == ["ran"]
    assert task.result() == "done"


def test_a_future_wakes_the_task_through_every_awaiting_coroutine(
    loop: HandCrankedLoop, future: Future
) -> None:
    async def outer() -> int:
        return await middle() + 1

    async def middle() -> int:
        return await wait_for(future) * 2

    task = Task(outer(), loop=loop)
    loop.turn()
    assert task._fut_waiter is future, "send() went down to the innermost await, the future came up"
    future.set_result(20)
    assert not task.done(), "the future only asked the loop to call the task's wake-up"
    assert loop.turn() == 1
    assert task.result() == 41


def test_an_exception_is_thrown_in_where_the_coroutine_waits(loop: HandCrankedLoop, future: Future) -> None:
    async def careful() -> str:
        try:
            return await future
        except ValueError as error:
            return f"caught {error}"

    task = Task(careful(), loop=loop)
    loop.turn()
    future.set_exception(ValueError("it"))
    loop.run()
    assert task.result() == "caught it"


def test_an_exception_that_leaves_the_coroutine_is_the_tasks(loop: HandCrankedLoop) -> None:
    async def fail() -> None:
        raise ValueError("no")

    task = Task(fail(), loop=loop)
    loop.run()
    with pytest.raises(ValueError, match="no"):
        task.result()


def test_sleep_zero_lets_everything_else_run_once(loop: HandCrankedLoop) -> None:
    order: list[str] = []

    async def twice(name: str) -> None:
        order.append(name)
        await asyncio.sleep(0)
        order.append(name)

    for name in "ab":
        Task(twice(name), loop=loop)
    loop.run()
    assert order == ["a", "b", "a", "b"]


def test_a_task_is_current_only_inside_its_step(loop: HandCrankedLoop, future: Future) -> None:
    seen: list[Any] = []

    async def look() -> None:
        seen.append(asyncio.current_task(loop))
        await future
        seen.append(asyncio.current_task(loop))

    task = Task(look(), loop=loop)
    assert asyncio.all_tasks(loop) == {task}
    loop.turn()
    assert asyncio.current_task(loop) is None
    future.set_result(None)
    loop.run()
    assert seen == [task, task]
    assert asyncio.all_tasks(loop) == set()


def test_every_step_runs_in_the_tasks_own_context(loop: HandCrankedLoop, future: Future) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    context = contextvars.copy_context()

    async def remember() -> str:
        who.set("task")
        await future
        return who.get()

    task = Task(remember(), loop=loop, context=context)
    loop.turn()
    future.set_result(None)
    loop.run()
    assert task.result() == "task"
    assert task.get_context() is context
    assert (who.get(), context[who]) == ("nobody", "task")


@pytest.mark.parametrize("deadly", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_leaves_the_turn_and_stays_in_the_task(
    loop: HandCrankedLoop, deadly: type[BaseException]
) -> None:
    async def end() -> None:
        raise deadly

    task = Task(end(), loop=loop)
    with pytest.raises(deadly):
        loop.run()
    assert isinstance(task.exception(), deadly)
    assert asyncio.current_task(loop) is None


class Reusable:
    """An awaitable that is no future: it keeps the agreement, and is pending again each time."""

    _asyncio_future_blocking = False

    def __init__(self, loop: HandCrankedLoop) -> None:
        self._loop = loop
        self.waiting: tuple[Callable[[Any], object], contextvars.Context] | None = None
        self.error: BaseException | None = None

    def __await__(self) -> Iterator[Any]:
        self._asyncio_future_blocking = True
        yield self
        return "ready"

    def add_done_callback(self, fn: Callable[[Any], object], *, context: contextvars.Context) -> None:
        self.waiting = fn, context

    def wake(self) -> None:
        (callback, context), self.waiting = self.waiting, None
        context.run(callback, self)

    def cancel(self, msg: Any = None) -> bool:
        if self.waiting is not None:
            self.error = asyncio.CancelledError(msg)
            self._loop.call_soon(self.wake)
        return self.waiting is not None

    def result(self) -> str:
        if self.error is not None:
            raise self.error
        return "ready"


def test_anything_that_keeps_the_agreement_can_be_awaited_again_and_again(loop: HandCrankedLoop) -> None:
    awaitable = Reusable(loop)

    async def thrice() -> list[str]:
        return [await awaitable for _ in range(3)]

    task = Task(thrice(), loop=loop)
    loop.turn()
    for _ in range(3):
        awaitable.wake()
    assert task.result() == ["ready"] * 3


def test_a_task_that_waits_for_such_a_thing_can_be_cancelled_with_a_message(loop: HandCrankedLoop) -> None:
    task = Task(wait_for(Reusable(loop)), loop=loop)
    loop.turn()
    assert task.cancel("enough")
    loop.run()
    with pytest.raises(asyncio.CancelledError, match="enough"):
        task.result()


# Mistakes in what a coroutine yields are thrown back into it.


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda loop: Future(loop=loop), "yield was used instead of yield from in task"),
        (lambda loop: (each for each in ()), "instead of yield from for generator"),
        (lambda loop: 42, "got bad yield: 42"),
        (lambda loop: Future(loop=HandCrankedLoop()), "attached to a different loop"),
    ],
    ids=["a future, not awaited", "a generator", "a number", "another loop's future"],
)
def test_a_wrong_yield_raises_in_the_coroutine(
    loop: HandCrankedLoop, mistake: Callable[[HandCrankedLoop], object], words: str
) -> None:
    async def err() -> str:
        try:
            return await yielding(mistake(loop))
        except RuntimeError as error:
            return str(error)

    task = Task(err(), loop=loop)
    loop.run()
    assert words in task.result()


def test_a_task_cannot_await_itself(loop: HandCrankedLoop) -> None:
    tasks: list[Task] = []

    async def narcissus() -> None:
        await tasks[0]

    tasks.append(Task(narcissus(), loop=loop))
    loop.run()
    with pytest.raises(RuntimeError, match="cannot await on itself"):
        tasks.pop().result()


@pytest.mark.parametrize("thing", [None, 42, wait_for, "text"], ids=["None", "42", "function", "text"])
def test_only_a_coroutine_makes_a_task(loop: HandCrankedLoop, thing: Any) -> None:
    with pytest.raises(TypeError, match="a coroutine was expected"):
        Task(thing, loop=loop)
    assert not loop.ready
