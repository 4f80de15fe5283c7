"""Idling: that it is silent and paced, that what is held is watched, and that anything else is noticed."""

from __future__ import annotations

import asyncio
import time

import pytest

from lab.errors import LabError
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

IDLE = workload("idle-cpu")


class NoisyLoop(asyncio.SelectorEventLoop):
    """Calls a reader although nothing is there to be read."""

    def add_reader(self, fd: int, callback: object, *args: object) -> None:
        super().add_reader(fd, callback, *args)
        self.call_soon(callback, *args)


class MisreadingLoop(asyncio.SelectorEventLoop):
    """Calls the reader of the first connection for every other."""

    def __init__(self) -> None:
        super().__init__()
        self.first: object = None

    def add_reader(self, fd: int, callback: object, *args: object) -> None:
        # The loop's own pipe comes first; the readers of the exercise have their descriptor with them.
        if args and isinstance(args[0], int):
            self.first = self.first or args[0]
            args = (self.first,)
        super().add_reader(fd, callback, *args)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("ticks", [0, 200])
def test_idling_takes_milliseconds_and_the_latency_of_its_ticks(loop: str, ticks: int) -> None:
    latencies_ns: list[int] = []
    values = {"connections": 3, "ticks": ticks}
    took_ms = one_pass(IDLE, LOOPS[loop], lambda each: latencies_ns.extend(each.latencies_ns), **values)
    assert took_ms >= 1
    assert latencies_ns and min(latencies_ns) >= 0


def test_the_floor_idles_alike() -> None:
    assert one_pass_by_hand(IDLE, connections=3, ticks=200) >= 1


@pytest.mark.parametrize(
    ("loop", "complaint"),
    [
        (NoisyLoop, "expected silence, the reader of descriptor [0-9]+ was called"),
        (MisreadingLoop, "expected the reader of descriptor [0-9]+ to be called, that of [0-9]+ was"),
    ],
)
def test_a_reader_that_is_called_without_cause_is_noticed(
    loop: type[asyncio.AbstractEventLoop], complaint: str
) -> None:
    with pytest.raises(LabError, match=complaint):
        one_pass(IDLE, loop, connections=3, ticks=0)


def test_a_tick_that_does_not_wait_is_noticed() -> None:
    with IDLE.by_hand({"connections": 1, "ticks": 1}) as exercise:
        exercise.begin(3_600.0)
        assert exercise.delay_s() == 1.0
        exercise._due_ns = time.perf_counter_ns() + 3_600 * 10**9
        with pytest.raises(LabError, match=r"expected a tick to wait, it came 3[0-9.]+ ms early"):
            exercise.tick()


def test_idling_without_ticks_is_labelled() -> None:
    (label,) = IDLE.scenario(ticks=0).labels
    assert "sleeps in one wait through the whole window" in label
