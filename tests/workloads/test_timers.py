"""Timers: that the right ones fire, each once and none too early, and that anything else is noticed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads.lateness import off_ns
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

TIMERS = workload("timers")
FEW = {"armed": 40, "firing": 4}


class UncancellableLoop(asyncio.SelectorEventLoop):
    """Has timers that fire although they were cancelled."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, **more: Any) -> Any:
        super().call_later(delay, callback, *args, **more)
        return asyncio.TimerHandle(self.time(), lambda: None, (), self)


class DoublingLoop(asyncio.SelectorEventLoop):
    """Has timers that fire twice."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, **more: Any) -> Any:
        def twice(*args: Any) -> None:
            callback(*args)
            callback(*args)

        return super().call_later(delay, twice, *args, **more)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_pass_is_all_armed_timers_and_takes_the_latency_of_those_that_fire(loop: str) -> None:
    latencies_ns: list[int] = []
    took = one_pass(TIMERS, LOOPS[loop], lambda exercise: latencies_ns.extend(exercise.latencies_ns), **FEW)
    assert (took, len(latencies_ns)) == (40, 4)
    assert min(latencies_ns) >= 0


def test_the_floor_fires_the_same() -> None:
    assert one_pass_by_hand(TIMERS, **FEW) == 40


@pytest.mark.parametrize(
    ("loop", "complaint"),
    [
        (UncancellableLoop, "expected timer 1 not to fire, it did: it was cancelled"),
        (DoublingLoop, "expected timer 0 not to fire, it did: it has fired already"),
    ],
)
def test_a_timer_that_fires_when_it_should_not_is_noticed(
    loop: type[asyncio.AbstractEventLoop], complaint: str
) -> None:
    with pytest.raises(LabError, match=complaint):
        one_pass(TIMERS, loop, **FEW)


def test_a_timer_that_does_not_wait_is_noticed() -> None:
    with TIMERS.by_hand({"armed": 1, "firing": 1}) as exercise:
        exercise.due_ns = {0: time.perf_counter_ns() + 3_600 * 10**9}
        assert exercise.wrong(0).startswith("timers: expected timer 0 to wait, it fired 3")


@pytest.mark.parametrize(
    ("now_ns", "off"),
    [(5_000_000, 0), (5_000_700, 700), (4_000_000, 1_000_000), (2_999_999, None)],
)
def test_being_early_is_being_off_unless_nobody_waited(now_ns: int, off: int | None) -> None:
    assert off_ns(5_000_000, now_ns) == off


def test_more_cannot_fire_than_are_armed() -> None:
    with pytest.raises(LabError, match=r"expected timers\.firing of at most those armed \(10\), got 11"):
        TIMERS.scenario(armed=10, firing=11)
