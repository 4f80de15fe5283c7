"""What `lab.loop.future.Future` promises, told on a hand-cranked loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.loop.future import CANCELLED, FINISHED, PENDING, Future
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


# The promise is kept, once.


def test_a_new_future_is_pending_and_has_neither_result_nor_exception(future: Future) -> None:
    assert (future._state, future.done(), future.cancelled()) == (PENDING, False, False)
    with pytest.raises(asyncio.InvalidStateError, match="Result is not ready"):
        future.result()
    with pytest.raises(asyncio.InvalidStateError, match="Exception is not set"):
        future.exception()


def test_a_result_finishes_the_future(future: Future) -> None:
    future.set_result(42)
    assert (future._state, future.done(), future.cancelled()) == (FINISHED, True, False)
    assert future.result() == 42
    assert future.exception() is None


def test_an_exception_finishes_the_future_and_is_raised_by_result(future: Future) -> None:
    error = ValueError("no")
    future.set_exception(error)
    assert future.exception() is error
    with pytest.raises(ValueError, match="no"):
        future.result()


def test_an_exception_class_is_called(future: Future) -> None:
    future.set_exception(KeyError)
    assert isinstance(future.exception(), KeyError)


def test_cancelling_finishes_the_future_with_a_message(future: Future) -> None:
    assert future.cancel("enough") is True
    assert (future._state, future.done(), future.cancelled()) == (CANCELLED, True, True)
    for ask in (future.result, future.exception):
        with pytest.raises(asyncio.CancelledError) as caught:
            ask()
        assert caught.value.args == ("enough",)


@pytest.mark.parametrize(
    "finish", [lambda f: f.set_result(1), lambda f: f.cancel()], ids=["result", "cancel"]
)
def test_a_future_that_is_done_stays_as_it_is(future: Future, finish: Callable[[Future], object]) -> None:
    finish(future)
    state = future._state
    with pytest.raises(asyncio.InvalidStateError, match=state):
        future.set_result(2)
    with pytest.raises(asyncio.InvalidStateError, match=state):
        future.set_exception(ValueError())
    assert future.cancel() is False
    assert future._state == state


@pytest.mark.parametrize("nonsense", [None, "text", int], ids=repr)
def test_what_is_no_exception_is_refused(future: Future, nonsense: Any) -> None:
    with pytest.raises(TypeError, match="expected an exception"):
        future.set_exception(nonsense)
    assert not future.done()


def test_a_stop_iteration_is_wrapped_so_that_it_fails_the_coroutine_that_awaits(future: Future) -> None:
    stop = StopIteration(7)
    future.set_exception(stop)
    assert isinstance(future.exception(), RuntimeError)
    assert future.exception().__cause__ is stop


# Callbacks.


def test_callbacks_run_in_the_next_turn_in_the_order_they_were_added(
    loop: HandCrankedLoop, future: Future
) -> None:
    calls: list[tuple[str, Future]] = []
    future.add_done_callback(lambda f: calls.append(("first", f)))
    future.add_done_callback(lambda f: calls.append(("second", f)))
    future.set_result(None)
    assert calls == [], "set_result returns before anybody reacts"
    loop.run()
    assert calls == [("first", future), ("second", future)]
    assert future._callbacks == [], "a future that is done lets go of whoever waited"


def test_a_callback_added_late_runs_soon(loop: HandCrankedLoop, future: Future) -> None:
    calls: list[Future] = []
    future.set_result(None)
    future.add_done_callback(calls.append)
    assert calls == []
    loop.run()
    assert calls == [future]


def test_a_removed_callback_never_runs_and_all_equal_ones_go(loop: HandCrankedLoop, future: Future) -> None:
    calls: list[str] = []

    def unwanted(_: Future) -> None:
        calls.append("unwanted")

    future.add_done_callback(unwanted)
    future.add_done_callback(lambda f: calls.append("wanted"))
    future.add_done_callback(unwanted)
    assert future.remove_done_callback(unwanted) == 2
    assert future.remove_done_callback(unwanted) == 0
    future.cancel()
    loop.run()
    assert calls == ["wanted"]


def test_a_callback_runs_in_the_context_given_or_in_that_of_its_adding(
    loop: HandCrankedLoop, future: Future
) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []

    def note(_: Future) -> None:
        seen.append(who.get())

    special = contextvars.copy_context()
    special.run(who.set, "special")
    future.add_done_callback(note, context=special)
    contextvars.copy_context().run(lambda: (who.set("adder"), future.add_done_callback(note)))
    future.set_result(None)
    loop.run()
    assert seen == ["special", "adder"]


# Awaiting: the pause.


def test_await_yields_the_future_itself_and_resumes_with_its_result(future: Future) -> None:
    async def ask() -> int:
        return await future * 2

    asking = ask()
    assert asking.send(None) is future
    assert future._asyncio_future_blocking is True
    future.set_result(21)
    with pytest.raises(StopIteration) as stop:
        asking.send(None)
    assert stop.value.value == 42


def test_awaiting_a_done_future_does_not_pause(future: Future) -> None:
    async def ask() -> str:
        return await future

    future.set_result("at once")
    with pytest.raises(StopIteration) as stop:
        ask().send(None)
    assert stop.value.value == "at once"


def test_a_generator_can_yield_from_a_future(future: Future) -> None:
    def ask() -> Iterator[Future]:
        return (yield from future)

    asking = ask()
    assert next(asking) is future
    future.set_result("old style")
    with pytest.raises(StopIteration) as stop:
        next(asking)
    assert stop.value.value == "old style"


def test_resuming_before_the_future_is_done_is_an_error(future: Future) -> None:
    waiting = future.__await__()
    waiting.send(None)
    with pytest.raises(RuntimeError, match="await wasn't used with future"):
        waiting.send(None)


# An exception that nobody retrieves.


def abandoned(loop: HandCrankedLoop, error: Exception) -> list[dict[str, Any]]:
    """Let a future with ``error`` vanish; return, and take away, what the loop was told."""
    future = Future(loop=loop)
    future.set_exception(error)
    del future
    reports, loop.reports = loop.reports, []
    return reports


def test_an_exception_never_retrieved_is_reported_when_the_future_vanishes(loop: HandCrankedLoop) -> None:
    error = ValueError("unseen")
    (report,) = abandoned(loop, error)
    assert report["message"] == "Future exception was never retrieved"
    assert report["exception"] is error
    assert isinstance(report["future"], Future)
    assert "source_traceback" not in report


def test_in_debug_mode_the_report_says_where_the_future_was_made() -> None:
    (report,) = abandoned(HandCrankedLoop(debug=True), ValueError())
    assert report["source_traceback"][-1].name == "abandoned"


@pytest.mark.parametrize("retrieve", ["result", "exception", "cancel"])
def test_a_retrieved_exception_is_not_reported(loop: HandCrankedLoop, future: Future, retrieve: str) -> None:
    future.set_exception(ValueError())
    assert future._log_traceback is True
    if retrieve == "result":
        with pytest.raises(ValueError):
            future.result()
    else:
        getattr(future, retrieve)()
    assert future._log_traceback is False


def test_the_report_can_be_turned_off_but_not_on(future: Future) -> None:
    future.set_exception(ValueError())
    future._log_traceback = False
    with pytest.raises(ValueError, match="can only be set to False"):
        future._log_traceback = True
    assert future._log_traceback is False


def test_a_retrieved_exception_is_freed_without_the_garbage_collector(loop: HandCrankedLoop) -> None:
    class Traced(Exception):
        pass

    def fail() -> weakref.ref[Exception]:
        futures = [Future(loop=loop)]
        futures[0].set_exception(Traced())
        try:
            futures.pop().result()  # this frame, part of the traceback, may not refer to the future either
        except Traced as error:
            return weakref.ref(error)

    gc.disable()
    try:
        assert fail()() is None
    finally:
        gc.enable()


def test_raising_twice_does_not_grow_the_traceback(future: Future) -> None:
    future.set_exception(ValueError())
    depths = []
    for _ in range(2):
        with pytest.raises(ValueError) as caught:
            future.result()
        depths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert depths[0] == depths[1]
