"""Wake-ups: that each thread's calls arrive in their order, and that one gone wrong is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

WAKEUPS = workload("wakeups")
TROUBLED_CALL = 3


class TroubledLoop(asyncio.SelectorEventLoop):
    """Makes ``times`` calls of the third that comes from another thread."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times, self._calls = times, 0

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, **more: Any) -> Any:
        self._calls += 1
        handles = [
            super(TroubledLoop, self).call_soon_threadsafe(callback, *args, **more)
            for _ in range(self._times if self._calls == TROUBLED_CALL else 1)
        ]
        return handles[-1] if handles else None


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("threads", "burst"), [(1, 1), (3, 5)])
def test_each_thread_makes_a_burst_at_least_and_each_call_has_its_latency(
    loop: str, threads: int, burst: int
) -> None:
    latencies_ns: list[int] = []
    values = {"threads": threads, "burst": burst}
    calls = one_pass(WAKEUPS, LOOPS[loop], lambda each: latencies_ns.extend(each.latencies_ns), **values)
    assert calls == len(latencies_ns) == threads * burst
    assert min(latencies_ns) > 0


def test_the_floor_takes_as_many_calls() -> None:
    assert one_pass_by_hand(WAKEUPS, threads=3, burst=5) == 15


@pytest.mark.parametrize(("times", "came"), [(0, 3), (2, 2)], ids=["lost", "doubled"])
def test_a_call_that_is_lost_or_doubled_is_noticed(times: int, came: int) -> None:
    with pytest.raises(LabError, match=f"expected call [23] of thread 0 to arrive, got {came}"):
        one_pass(WAKEUPS, lambda: TroubledLoop(times), threads=1, burst=8)
