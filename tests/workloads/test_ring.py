"""The ring: its passes, and that nothing gets lost in it unseen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.errors import LabError
from lab.workloads import ring
from lab.workloads.readiness import Readiness
from lab.workloads.registry import workload
from tests.backends.conftest import KERNEL_BACKENDS
from tests.loop.conftest import new_loop
from tests.workloads.exercising import one_pass

RING = workload("ring")
SHAPES = [
    {"pairs": 1, "active": 1, "writes": 5},
    {"pairs": 10, "active": 3, "writes": 20},
    {"pairs": 300, "active": 300, "writes": 0},
    {"pairs": 7, "active": 7, "writes": 100},
]


@contextmanager
def running(values: dict[str, int]) -> Iterator[Callable[[], int]]:
    """One pass of a ring on asyncio's loop, as a function."""
    loop = asyncio.new_event_loop()
    failures: list[BaseException] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context["exception"]))
    try:
        with RING.on_loop(loop, values) as exercise:
            yield lambda: loop.run_until_complete(exercise.run(0.0))
        assert failures == []
    finally:
        loop.close()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_pass_is_as_many_events_as_bytes_that_start_and_writes(shape: dict[str, int]) -> None:
    values = RING.scenario(**shape).parameters
    with running(values) as one_pass:
        assert one_pass() == shape["active"] + shape["writes"]
        assert one_pass() == shape["active"] + shape["writes"]


@pytest.mark.parametrize("name", KERNEL_BACKENDS)
def test_a_pass_is_whole_on_every_backend(name: str) -> None:
    assert one_pass(RING, lambda: new_loop(name), **SHAPES[1]) == 23


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_floor_does_the_same_passes_on_every_mechanism(
    shape: dict[str, int], mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "open_readiness", mechanism)
    values = RING.scenario(**shape).parameters
    with RING.by_hand(values) as exercise:
        assert exercise.run(0.0) == shape["active"] + shape["writes"]


def test_a_byte_that_changes_on_its_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RING.scenario(pairs=10, active=4, writes=30).parameters
    handed_on: list[bytes] = []

    def write(fd: int, token: bytes) -> int:
        handed_on.append(token)
        return os_write(fd, b"\xff" if len(handed_on) == 20 else token)

    os_write = os.write
    with RING.by_hand(values) as exercise:
        monkeypatch.setattr(ring.os, "write", write)
        with pytest.raises(LabError, match=r"expected the 4 bytes that set out to come to rest, got .*xff"):
            exercise.run(0.0)


def test_active_pairs_are_spread_over_the_ring() -> None:
    values = RING.scenario(pairs=100, active=4, writes=0).parameters
    with RING.by_hand(values) as exercise:
        position = {fd: index for index, fd in enumerate(exercise.next_write_fds)}
        starts = sorted(position[fd] for fd, _token in exercise.starts)
    assert starts == [24, 49, 74, 99]
