"""The turn: who is called when. Order is compared with asyncio's; readiness and time come from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from backends.contract import ERROR, HANGUP, READ, WRITE
from backends.scripted_backend import FakeClock, ScriptedBackend
from lab.loop.loop import Loop
from lab.loop.turn import LONGEST_WAIT
from tests.loop.conftest import Pair, beside_asyncio, run_forever_in_time, run_turns

Log = list[Any]
Program = Callable[[Any, Log], None]


def a_callbacks_callback(loop: Any, log: Log) -> None:
    def first() -> None:
        loop.call_soon(log.append, "asked for by the first")
        log.append("first")

    loop.call_soon(first)
    loop.call_soon(log.append, "second")
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()


def cancelling_what_is_next(loop: Any, log: Log) -> None:
    handles = [loop.call_soon(lambda: [each.cancel() for each in handles[1:]])]
    handles += [loop.call_soon(log.append, "cancelled") for _ in range(3)]
    loop.call_soon(log.append, "kept")
    run_turns(loop)


def no_delay_and_less(loop: Any, log: Log) -> None:
    loop.call_later(0, log.append, "none")
    loop.call_later(-5, log.append, "negative")
    loop.call_soon(log.append, "soon")
    run_turns(loop, 3)


def stop_in_the_middle(loop: Any, log: Log) -> None:
    loop.call_soon(loop.stop)
    loop.call_soon(log.append, "of the same turn")
    loop.call_soon(loop.call_soon, log.append, "of the next")
    loop.run_forever()
    log.append("stopped")
    run_turns(loop)


def stop_before_the_start(loop: Any, log: Log) -> None:
    loop.stop()
    loop.call_soon(log.append, "one turn")
    loop.call_soon(loop.call_soon, log.append, "not two")
    loop.run_forever()
    log.append("stopped")
    run_turns(loop)


def stop_twice(loop: Any, log: Log) -> None:
    loop.call_soon(loop.stop)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.call_soon(log.append, "the second stop is forgotten")
    run_turns(loop)
    run_turns(loop)


def a_failing_callback(loop: Any, log: Log) -> None:
    loop.call_soon(int, "not a number")
    loop.call_soon(log.append, "the next")
    run_turns(loop)


def an_interrupt(loop: Any, log: Log) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt("by hand")

    loop.call_soon(log.append, "before")
    loop.call_soon(interrupt)
    loop.call_soon(log.append, "after")
    try:
        run_turns(loop)
    except KeyboardInterrupt as error:
        log.append(repr(error))
    run_turns(loop)
    run_turns(loop)


@pytest.mark.parametrize(
    "program",
    [
        a_callbacks_callback,
        cancelling_what_is_next,
        no_delay_and_less,
        stop_in_the_middle,
        stop_before_the_start,
        stop_twice,
        a_failing_callback,
        an_interrupt,
    ],
)
def test_callbacks_come_in_asyncios_order(loop: Loop, program: Program) -> None:
    log: Log = []
    loop.set_exception_handler(lambda _, report: log.append(("reported", repr(report["exception"]))))
    program(loop, log)
    assert log == beside_asyncio(program)
    assert log


def test_a_turn_serves_the_ready_queue_then_descriptors_then_timers(
    fake_loop: Loop, scripted: ScriptedBackend
) -> None:
    log: Log = []
    fake_loop.add_writer(41, log.append, "41 writable")
    fake_loop.add_reader(41, log.append, "41 readable")
    fake_loop.call_later(0, log.append, "timer")
    fake_loop.call_soon(log.append, "soon")
    scripted.tell(41, READ | WRITE)
    run_turns(fake_loop)
    assert log == ["soon", "41 readable", "41 writable", "timer"]


def test_what_a_descriptors_callback_asks_for_comes_in_the_next_turn(loop: Loop, pair: Pair) -> None:
    log: Log = []

    def heed() -> None:
        loop.call_soon(log.append, "asked for")
        loop.call_soon(loop.stop)
        loop.call_later(0, log.append, "due at once, and yet later")
        log.append("readable")
        loop.remove_reader(pair[0])

    loop.add_reader(pair[0], heed)
    pair[1].send(b"!")
    run_forever_in_time(loop)
    assert log == ["readable", "asked for", "due at once, and yet later"]


def test_timers_with_equal_deadlines_keep_the_order_of_their_calls(fake_loop: Loop) -> None:
    log: Log = []
    for number in range(100):
        fake_loop.call_at(1, log.append, number)
    fake_loop.call_at(1, fake_loop.stop)
    fake_loop.run_forever()
    assert log == list(range(100)), "asyncio's heap knows no order among them"


def test_a_timer_for_no_number_at_all_is_due_at_once_and_blocks_nobody(fake_loop: Loop) -> None:
    log: Log = []
    fake_loop.call_at(1, log.append, "one")
    fake_loop.call_later(float("nan"), log.append, "none")
    fake_loop.call_at(2, fake_loop.stop)
    fake_loop.run_forever()
    assert log == ["none", "one"]


def test_an_earlier_callback_cancels_a_timer_of_the_same_turn(fake_loop: Loop) -> None:
    log: Log = []
    timers = [fake_loop.call_at(1, lambda: timers[1].cancel())]
    timers += [fake_loop.call_at(1, log.append, "cancelled"), fake_loop.call_at(1, log.append, "kept")]
    fake_loop.call_at(1, fake_loop.stop)
    fake_loop.run_forever()
    assert log == ["kept"]


def test_a_ready_handle_cancels_a_timer_that_is_due(fake_loop: Loop) -> None:
    log: Log = []
    timer = fake_loop.call_later(0, log.append, "cancelled")
    fake_loop.call_soon(timer.cancel)
    run_turns(fake_loop, 2)
    assert log == []


def test_time_passes_exactly_from_timer_to_timer(
    fake_loop: Loop, clock: FakeClock, scripted: ScriptedBackend
) -> None:
    log: Log = []
    for when in (3.5, 0.25, 1e6):
        fake_loop.call_at(when, lambda: log.append(clock()))
    fake_loop.call_at(1e6, fake_loop.stop)
    fake_loop.run_forever()
    assert log == [0.25, 3.5, 1e6]
    waits = [call[1] for call in scripted.calls if call[0] == "wait"]
    assert max(waits) == LONGEST_WAIT, "no wait is longer than a day"


@pytest.mark.parametrize("delay", [float("inf"), 1e300, 10 * LONGEST_WAIT])
def test_a_timer_for_the_end_of_time_keeps_nobody_from_running(loop: Loop, delay: float) -> None:
    log: Log = []
    timer = loop.call_later(delay, log.append, "never")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    timer.cancel()
    assert log == []


def test_ten_thousand_cancelled_timers_neither_wake_the_loop_nor_stay(
    fake_loop: Loop, scripted: ScriptedBackend
) -> None:
    timers = [fake_loop.call_later(1 + number % 7, pytest.fail) for number in range(10_000)]
    last = fake_loop.call_later(1_000, fake_loop.stop)
    for timer in timers:
        timer.cancel()
    fake_loop.run_forever()
    waits = [call for call in scripted.calls if call[0] == "wait"]
    assert waits == [("wait", 1_000.0), ("wait", 0)] or waits == [("wait", 1_000.0)]
    assert (fake_loop._timers, fake_loop._cancelled_timers) == ([], 0)
    assert not last.cancelled()


def test_cancelled_timers_behind_a_live_one_are_cleaned_up(fake_loop: Loop) -> None:
    fake_loop.call_later(1, fake_loop.stop)
    timers = [fake_loop.call_later(1_000, pytest.fail) for _ in range(1_000)]
    for timer in timers:
        timer.cancel()
    fake_loop.run_forever()
    assert fake_loop._timers == []
    for timer in timers:
        timer.cancel()
    assert fake_loop._cancelled_timers == 0, "what is out of the heap is not counted again"


def test_a_timer_is_never_early(loop: Loop) -> None:
    late: list[float] = []
    for delay in (0.0004, 0.0011, 0.0015):
        when = loop.time() + delay
        loop.call_at(when, lambda when=when: late.append(loop.time() - when))
    loop.call_later(0.003, loop.stop)
    before = loop.counters()["waits"]
    loop.run_forever()
    assert len(late) == 3
    assert min(late) >= 0
    assert loop.counters()["waits"] - before <= 8, "rounded up, not spinning"


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_none_is_no_time(fake_loop: Loop, method: str) -> None:
    with pytest.raises(TypeError, match="None"):
        getattr(fake_loop, method)(None, print)


@pytest.mark.parametrize("mask", [ERROR, HANGUP, ERROR | HANGUP])
def test_errors_and_hang_ups_make_both_directions_ready(
    fake_loop: Loop, scripted: ScriptedBackend, mask: int
) -> None:
    log: Log = []
    for fd, add in ((41, fake_loop.add_reader), (42, fake_loop.add_writer)):
        add(fd, log.append, fd)
        scripted.tell(fd, mask)
    run_turns(fake_loop)
    assert log == [41, 42]


def test_a_stray_event_is_handed_back_to_the_backend(fake_loop: Loop, scripted: ScriptedBackend) -> None:
    scripted.tell_stray(41, READ)
    run_turns(fake_loop, 3)
    assert scripted.calls.count(("stray", 41)) == 1


def test_removing_others_of_the_same_report_is_no_reason_to_rebuild(
    fake_loop: Loop, scripted: ScriptedBackend
) -> None:
    log: Log = []

    def heed(fd: int) -> None:
        log.append(fd)
        for each in (41, 42, 43):
            fake_loop.remove_reader(each)

    for fd in (41, 42, 43):
        fake_loop.add_reader(fd, heed, fd)
        scripted.tell(fd, READ)
    run_turns(fake_loop, 3)
    assert log == [41]
    assert "stray" not in [call[0] for call in scripted.calls]


def test_the_backend_is_closed_with_its_loop(scripted: ScriptedBackend, clock: FakeClock) -> None:
    loop = Loop(scripted, clock=clock)
    loop.close()
    loop.close()
    assert scripted.closed
    assert [call[0] for call in scripted.calls].count("close") == 1


def test_asyncio_sleep_takes_the_loops_time(fake_loop: Loop, clock: FakeClock) -> None:
    fake_loop.run_until_complete(asyncio.sleep(3_600))
    assert clock() == 3_600
