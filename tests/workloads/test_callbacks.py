"""Chains of callbacks: how many a pass has, and that none gets lost, doubled or overtaken unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

CALLBACKS = workload("callbacks")
TROUBLED_CALL = 500


class TroubledLoop(asyncio.SelectorEventLoop):
    """Does what ``trouble`` does in place of one call of ``call_soon`` in the midst of a pass."""

    def __init__(self, trouble: Callable[[asyncio.AbstractEventLoop, Callable[[], object]], object]) -> None:
        super().__init__()
        self._trouble, self._calls = trouble, 0

    def call_soon(self, callback: Callable[..., object], *args: Any, **more: Any) -> Any:
        self._calls += 1
        if self._calls == TROUBLED_CALL:
            self._trouble(self, lambda: super(TroubledLoop, self).call_soon(callback, *args, **more))
            return None
        return super().call_soon(callback, *args, **more)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("chains", "callbacks"), [(1, 5000), (3, 5001), (4000, 8000)])
def test_a_pass_is_whole_rounds_of_all_chains(loop: str, chains: int, callbacks: int) -> None:
    assert one_pass(CALLBACKS, LOOPS[loop], chains=chains) == callbacks


@pytest.mark.parametrize("chains", [1, 3])
def test_the_floor_calls_as_many(chains: int) -> None:
    assert one_pass_by_hand(CALLBACKS, chains=chains) == one_pass(CALLBACKS, chains=chains)


@pytest.mark.parametrize(
    ("trouble", "complaint"),
    [
        (lambda loop, call_soon: None, "expected chain [0-9] as call [0-9]+ of a pass, got chain [0-9]"),
        (lambda loop, call_soon: (call_soon(), call_soon()), "expected chain [0-9] as call"),
        (lambda loop, call_soon: loop.call_later(0, call_soon), "expected chain [0-9]"),
    ],
    ids=["lost", "doubled", "late"],
)
def test_a_callback_that_is_not_called_in_its_turn_is_noticed(
    trouble: Callable[[asyncio.AbstractEventLoop, Callable[[], object]], object], complaint: str
) -> None:
    with pytest.raises(LabError, match=complaint):
        one_pass(CALLBACKS, lambda: TroubledLoop(trouble), chains=10)


def test_a_callback_too_many_at_the_end_is_noticed() -> None:
    with CALLBACKS.by_hand({"chains": 1}) as exercise:
        exercise.run(0.0)
        assert exercise.disorder(0) == "callbacks: expected 5,000 calls in a pass, chain 0 was called again"
