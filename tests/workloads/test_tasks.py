"""Tasks that wake each other: how many switches a pass has, and that a message gone wrong is noticed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

TASKS = workload("tasks")
TROUBLED_FUTURE = 20


class TroubledFuture(asyncio.Future):
    """A future of 20 is given another result than it was to have."""

    made = 0

    def __init__(self, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        TroubledFuture.made += 1
        self._is_troubled = TroubledFuture.made == TROUBLED_FUTURE

    def set_result(self, result: Any) -> None:
        super().set_result(result + 1 if self._is_troubled else result)


class TroubledLoop(asyncio.SelectorEventLoop):
    def create_future(self) -> asyncio.Future[Any]:
        return TroubledFuture(loop=self)


class ForgetfulLoop(asyncio.SelectorEventLoop):
    """Has tasks that forget their names."""

    def create_task(self, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        async def forgetful() -> Any:
            result = await coroutine
            return 0 if result == 3 else result

        return super().create_task(forgetful(), **more)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(("pairs", "switches"), [(1, 1), (3, 10)])
def test_a_pass_wakes_both_tasks_of_each_pair_as_often(loop: str, pairs: int, switches: int) -> None:
    assert one_pass(TASKS, LOOPS[loop], pairs=pairs, switches=switches) == 2 * pairs * switches


def test_the_floor_switches_as_often() -> None:
    assert one_pass_by_hand(TASKS, pairs=3, switches=10) == 60


def test_a_wrong_message_is_noticed() -> None:
    TroubledFuture.made = 0
    with pytest.raises(LabError, match=r"expected task [0-9] to be woken by message [0-9]+, got [0-9]+"):
        one_pass(TASKS, TroubledLoop, pairs=2, switches=20)


def test_a_wrong_result_of_gather_is_noticed() -> None:
    with pytest.raises(LabError, match=r"expected the names of 4 tasks in order, got \[0, 1, 2, 0\]"):
        one_pass(TASKS, ForgetfulLoop, pairs=2, switches=1)
