"""Signals: that each is answered by one call, and that another one is noticed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

SIGNALS = workload("signals")


class DoublingLoop(asyncio.SelectorEventLoop):
    """Calls what answers a signal twice."""

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        def twice() -> None:
            callback(*args)
            callback(*args)

        super().add_signal_handler(sig, twice)


class ConfusingLoop(asyncio.SelectorEventLoop):
    """Answers every signal as if it were the first one added."""

    def __init__(self) -> None:
        super().__init__()
        self._first: tuple[Any, ...] = ()

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        self._first = self._first or (callback, *args)
        super().add_signal_handler(sig, *self._first)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_pass_is_one_signal_of_each_kind_and_takes_its_latency(loop: str) -> None:
    latencies_ns: list[int] = []
    took = one_pass(SIGNALS, LOOPS[loop], lambda each: latencies_ns.extend(each.latencies_ns), kinds=2)
    assert took == len(latencies_ns) == 2
    assert min(latencies_ns) > 0


def test_the_floor_answers_the_same_and_leaves_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    assert one_pass_by_hand(SIGNALS, kinds=2) == 2
    assert signal.getsignal(signal.SIGUSR1) == before


@pytest.mark.parametrize("loop", [DoublingLoop, ConfusingLoop])
def test_a_call_that_answers_no_signal_is_noticed(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with pytest.raises(LabError, match="expected one call for each SIGUSR1 sent, got another"):
        one_pass(SIGNALS, loop, kinds=2)
