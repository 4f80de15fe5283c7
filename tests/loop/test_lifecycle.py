"""A loop's life: run, stop, close; and the tasks on it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop import future as python_future
from lab.loop import task as python_task
from lab.loop.loop import Loop
from tests.conftest import open_descriptors
from tests.loop.conftest import run_turns


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


def outcome(call: Callable[[], Any]) -> str:
    """What a call does, in words that can be compared."""
    try:
        return f"returned {call()!r}"
    except Exception as error:
        return f"raised {error!r}"


def run_foreign_future(loop: Any) -> None:
    other = asyncio.SelectorEventLoop()
    with contextlib.closing(other):
        loop.run_until_complete(other.create_future())


def run_nested(loop: Any) -> None:
    async def main() -> None:
        loop.run_until_complete(loop.create_future())

    loop.run_until_complete(main())


def run_another_loop_inside(loop: Any) -> None:
    async def main() -> None:
        with contextlib.closing(type(loop)()) as other:
            other.run_forever()

    loop.run_until_complete(main())


def run_not_an_awaitable(loop: Any) -> None:
    loop.run_until_complete(42)


def stop_early(loop: Any) -> None:
    loop.call_soon(loop.stop)
    loop.run_until_complete(loop.create_future())


def close_while_running(loop: Any) -> None:
    async def main() -> None:
        loop.close()

    loop.run_until_complete(main())


def run_a_failing_task(loop: Any) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        raise LookupError("its own")

    loop.run_until_complete(main())


def run_a_cancelled_future(loop: Any) -> str:
    future = loop.create_future()
    future.cancel("because")
    try:
        loop.run_until_complete(future)
    except asyncio.CancelledError as error:
        return repr(error)
    return "not raised"


def call_on_a_closed_loop(loop: Any) -> None:
    loop.close()
    loop.call_soon(print)


@pytest.mark.parametrize(
    "misuse",
    [
        run_foreign_future,
        run_nested,
        run_another_loop_inside,
        run_not_an_awaitable,
        stop_early,
        close_while_running,
        run_a_failing_task,
        run_a_cancelled_future,
        call_on_a_closed_loop,
    ],
)
def test_use_and_misuse_end_as_on_asyncio(any_tasks: Loop, misuse: Callable[[Any], Any]) -> None:
    with contextlib.closing(asyncio.SelectorEventLoop()) as stock:
        expected = outcome(lambda: misuse(stock))
    assert outcome(lambda: misuse(any_tasks)).split(" at 0x")[0] == expected.split(" at 0x")[0]


def test_what_is_pending_at_the_close_is_dropped(loop: Loop) -> None:
    calls: list[int] = []
    loop.call_soon(calls.append, 1)
    loop.call_later(0, calls.append, 2)
    loop.close()
    assert loop.is_closed()
    assert (calls, len(loop._ready), loop._timers) == ([], 0, [])


def test_a_closed_loop_gives_every_descriptor_back() -> None:
    before = open_descriptors()
    loop = Loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert open_descriptors() == before


def test_a_loop_that_nobody_closed_warns_and_closes() -> None:
    before = open_descriptors()
    loop = Loop()
    with pytest.warns(ResourceWarning, match="unclosed event loop <Loop backend="):
        del loop
        gc.collect()
    assert open_descriptors() == before


def test_a_bad_choice_of_tasks_leaves_nothing_behind() -> None:
    before = open_descriptors()
    with pytest.raises(ValueError, match="'c', 'python'; got 'rust'"):
        Loop(tasks="rust")  # type: ignore[arg-type]
    gc.collect()
    assert open_descriptors() == before


def test_a_loop_keeps_no_cycle_after_its_close() -> None:
    gc.collect()
    gc.disable()
    try:
        loop = Loop()
        loop.run_until_complete(answer())
        loop.close()
        gone = weakref.ref(loop)
        del loop
        assert gone() is None
    finally:
        gc.enable()


def test_a_loop_can_run_again_and_again(loop: Loop) -> None:
    assert [loop.run_until_complete(answer()) for _ in range(3)] == [42, 42, 42]
    assert not loop.is_running()


def test_a_loop_runs_in_any_thread(loop: Loop) -> None:
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(loop.run_until_complete(answer())))
    thread.start()
    thread.join()
    assert results == [42]
    assert loop.run_until_complete(answer()) == 42, "and then in another"


def test_the_running_loop_is_known_only_while_it_runs(any_tasks: Loop) -> None:
    seen: list[Any] = []
    any_tasks.call_soon(lambda: seen.append(asyncio.get_running_loop()))
    run_turns(any_tasks)
    assert seen == [any_tasks]
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_a_task_that_ends_the_program_is_raised_and_the_loop_goes_on(
    any_tasks: Loop, interrupt: type[BaseException]
) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        raise interrupt

    with pytest.raises(interrupt):
        any_tasks.run_until_complete(main())
    assert any_tasks.run_until_complete(answer()) == 42


# -- futures and tasks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "future_class", "task_class"),
    [("c", asyncio.Future, asyncio.Task), ("python", python_future.Future, python_task.Task)],
)
def test_futures_and_tasks_are_of_the_chosen_kind(tasks: Any, future_class: type, task_class: type) -> None:
    with contextlib.closing(Loop(tasks=tasks)) as loop:
        assert type(loop.create_future()) is future_class
        task = loop.create_task(answer(), name="its name")
        assert type(task) is task_class
        assert (loop.run_until_complete(task), task.get_name()) == (42, "its name")


def test_a_task_factory_makes_the_tasks(any_tasks: Loop) -> None:
    made: list[dict[str, Any]] = []

    def factory(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(options)
        return asyncio.Task(coro, loop=loop, **options)

    any_tasks.set_task_factory(factory)
    assert any_tasks.get_task_factory() is factory
    task = any_tasks.create_task(answer(), name="named")
    assert any_tasks.run_until_complete(task) == 42
    assert (task.get_name(), len(made)) == ("named", 1)
    any_tasks.set_task_factory(None)
    with pytest.raises(TypeError, match="callable"):
        any_tasks.set_task_factory("none")  # type: ignore[arg-type]


def test_a_task_on_a_closed_loop_is_refused() -> None:
    loop = Loop()
    loop.close()
    coroutine = answer()
    with pytest.raises(RuntimeError, match="closed"):
        loop.create_task(coroutine)
    coroutine.close()


@pytest.mark.parametrize("debug", [False, True])
def test_a_failed_task_is_freed_without_the_garbage_collector(any_tasks: Loop, debug: bool) -> None:
    async def fail(future: Any) -> None:
        await future

    def failed() -> weakref.ref[Any]:
        future = any_tasks.create_future()
        task = any_tasks.create_task(fail(future))
        run_turns(any_tasks)
        future.set_exception(LookupError())
        any_tasks.stop()
        any_tasks.run_forever()  # a turn in which nothing runs but the task's wake-up
        assert isinstance(task.exception(), LookupError)
        gone = weakref.ref(task)
        del task, future  # this frame, too, is one that the traceback leads to
        return gone

    any_tasks.set_debug(debug)
    gc.collect()
    gc.disable()
    try:
        assert failed()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("tasks", ["c", "python"])
def test_a_closed_loop_is_freed_without_the_garbage_collector(tasks: Any) -> None:
    def used() -> weakref.ref[Any]:
        with contextlib.closing(Loop(tasks=tasks)) as loop:
            assert loop.run_until_complete(answer()) == 42
            assert not loop.create_future().done()
        assert loop.create_future().get_loop() is loop
        return weakref.ref(loop)

    gc.collect()
    gc.disable()
    try:
        assert used()() is None
    finally:
        gc.enable()


def test_what_a_subclass_says_of_futures_and_debug_mode_counts() -> None:
    class Own(Loop):
        def create_future(self) -> Any:
            made.append(super().create_future())
            return made[-1]

        def get_debug(self) -> bool:
            asked.append(True)
            return super().get_debug()

    made: list[Any] = []
    asked: list[bool] = []
    with contextlib.closing(Own()) as loop:
        loop.set_debug(True)
        assert loop.create_future() is made[-1]
        assert loop.get_debug() is True and asked
        assert loop.run_until_complete(answer()) == 42
