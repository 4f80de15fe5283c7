"""Threads and signals wake the loop, and nothing that they bring is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, run_forever_in_time, run_turns, turns

THREADS, CALLS = 4, 5_000


@pytest.fixture(autouse=True)
def signals_are_restored() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    after = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before
    assert signal.set_wakeup_fd(-1) == -1


# -- threads -------------------------------------------------------------------------------------------


def test_every_call_of_four_threads_arrives_in_its_threads_order(loop: Loop, run: Run) -> None:
    async def main() -> list[list[int]]:
        seen: list[list[int]] = [[] for _ in range(THREADS)]
        missing = THREADS * CALLS
        done = loop.create_future()

        def arrive(thread: int, number: int) -> None:
            nonlocal missing
            seen[thread].append(number)
            missing -= 1
            if not missing:
                done.set_result(None)

        def call(thread: int) -> None:
            for number in range(CALLS):
                loop.call_soon_threadsafe(arrive, thread, number)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        await done
        for thread in threads:
            thread.join()
        return seen

    assert run(main()) == [list(range(CALLS))] * THREADS


def test_no_wake_up_of_a_sleeping_loop_is_lost(loop: Loop, run: Run) -> None:
    """One call at a time, each from a loop that sleeps again: a lost one would hang."""
    asked, answered = threading.Semaphore(0), threading.Semaphore(0)
    rounds = 300

    def from_a_thread() -> None:
        for _ in range(rounds):
            loop.call_soon_threadsafe(answered.release)
            answered.acquire()
        loop.call_soon_threadsafe(finished.set_result, "done")
        asked.release()

    finished = loop.create_future()
    thread = threading.Thread(target=from_a_thread)
    thread.start()
    assert run(finished) == "done"
    asked.acquire()
    thread.join()


def test_a_thousand_calls_cost_few_wake_ups(loop: Loop) -> None:
    calls: list[int] = []
    for number in range(1_000):
        loop.call_soon_threadsafe(calls.append, number)
    before = loop.counters()["events"]
    run_turns(loop, 3)
    assert calls == list(range(1_000))
    assert loop.counters()["events"] - before == 1


def test_stop_from_a_thread_ends_a_sleeping_loop(loop: Loop) -> None:
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    loop.call_soon(thread.start)
    run_forever_in_time(loop)
    thread.join()
    assert not loop.is_running()


def test_a_wake_up_that_is_interrupted_does_not_silence_the_next(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt between emptying the pair and noting it would end all wake-ups for good."""
    real = loop._wake_reader

    class Interrupted:
        def recv(self, size: int) -> bytes:
            real.recv(size)
            raise KeyboardInterrupt

        close = real.close

    monkeypatch.setattr(loop, "_wake_reader", Interrupted())
    calls: list[str] = []
    loop.call_soon_threadsafe(calls.append, "first")
    with pytest.raises(KeyboardInterrupt):
        run_turns(loop)
    monkeypatch.setattr(loop, "_wake_reader", real)
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    loop.call_soon(thread.start)
    run_forever_in_time(loop)
    thread.join()
    assert calls == ["first"]


def test_a_call_that_is_interrupted_before_it_wakes_the_loop_does_not_silence_the_next(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt between noting the wake-up and writing its byte would do the same."""

    class Interrupted:
        def send(self, data: bytes) -> int:
            raise KeyboardInterrupt

    calls: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_wake_writer", Interrupted())
        with pytest.raises(KeyboardInterrupt):
            loop.call_soon_threadsafe(calls.append, "first")
    run_turns(loop)
    before = loop.counters()["events"]
    loop.call_soon_threadsafe(calls.append, "second")
    run_turns(loop)
    assert loop.counters()["events"] == before + 1
    assert calls == ["first", "second"]


def test_a_call_on_a_closed_loop_is_refused(loop: Loop) -> None:
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon_threadsafe(print)


def test_a_call_from_a_thread_can_be_cancelled(loop: Loop) -> None:
    calls: list[str] = []
    handle = loop.call_soon_threadsafe(calls.append, "cancelled")
    handle.cancel()
    run_turns(loop, 2)
    assert calls == []


# -- signals -------------------------------------------------------------------------------------------


def test_a_signals_handler_runs_in_the_loop(loop: Loop) -> None:
    seen: list[Any] = []

    def heed(what: str) -> None:
        seen.append((what, asyncio.get_running_loop()))
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, heed, "argument")
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    run_forever_in_time(loop)
    assert seen == [("argument", loop)]
    assert loop.remove_signal_handler(signal.SIGUSR1)
    assert not loop.remove_signal_handler(signal.SIGUSR1)


def test_a_signal_reaches_a_loop_that_sleeps(loop: Loop) -> None:
    seen: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, lambda: (seen.append("heard"), loop.stop()))
    thread = threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGUSR1))
    loop.call_soon(thread.start)
    run_forever_in_time(loop)
    thread.join()
    loop.remove_signal_handler(signal.SIGUSR1)
    assert seen == ["heard"]


def test_a_handler_is_replaced_and_signals_are_told_apart(loop: Loop) -> None:
    seen: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "replaced")
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "one")
    loop.add_signal_handler(signal.SIGUSR2, seen.append, "two")
    for number in (signal.SIGUSR2, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    run_turns(loop, 3)
    assert sorted(seen) == ["one", "two"]
    loop.remove_signal_handler(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR2)
    run_turns(loop, 3)
    assert sorted(seen) == ["one", "two", "two"], "one is gone, the other stays"
    loop.remove_signal_handler(signal.SIGUSR2)


def test_signals_and_threads_come_together(loop: Loop) -> None:
    seen: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, seen.append, "signal")
    loop.call_soon_threadsafe(seen.append, "thread")
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.call_soon_threadsafe(seen.append, "thread again")
    run_turns(loop, 3)
    loop.remove_signal_handler(signal.SIGUSR1)
    assert sorted(seen) == ["signal", "thread", "thread again"]


def test_close_restores_the_signals(loop: Loop) -> None:
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, print)
    loop.add_signal_handler(signal.SIGUSR1, print)
    assert signal.getsignal(signal.SIGINT) is not before
    loop.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGKILL, RuntimeError), (9_999, ValueError), ("SIGINT", TypeError)],
)
def test_what_is_no_signal_to_handle_is_refused(any_tasks: Loop, number: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        any_tasks.add_signal_handler(number, print)
    assert any_tasks._signal_handlers == {}


def test_a_coroutine_function_handles_no_signal(any_tasks: Loop) -> None:
    with pytest.raises(TypeError, match="coroutines cannot be used with add_signal_handler"):
        any_tasks.add_signal_handler(signal.SIGUSR1, turns)


def test_signals_are_for_the_main_thread(any_tasks: Loop) -> None:
    caught: list[BaseException] = []

    def from_a_thread() -> None:
        try:
            any_tasks.add_signal_handler(signal.SIGUSR1, print)
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=from_a_thread)
    thread.start()
    thread.join()
    assert "main thread" in str(caught)


def test_ctrl_c_cancels_what_the_runner_runs(loop: Loop) -> None:
    seen: list[str] = []

    async def main() -> None:
        loop.call_soon(os.kill, os.getpid(), signal.SIGINT)
        try:
            await loop.create_future()
        finally:
            seen.append("cleaned up")

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert seen == ["cleaned up"]
    assert loop.is_closed()
