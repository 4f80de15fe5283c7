"""The yardstick as the parent sees it: its processes, and the readings of a sample."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from lab.harness.children import ChildFailure, Children
from lab.harness.machine.cores import choose_cores
from lab.harness.yardstick.laying import Readings, Yardstick


class Scripted:
    """A yardstick whose readings are numbers."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def lay_on(self, exchanges: bool) -> dict[str, int | None]:
        self.asked.append(exchanges)
        return {"work_ns": 100 + len(self.asked), "exchange_ns": 500 if exchanges else None}


def test_where_a_load_is_part_of_the_sample_both_are_read() -> None:
    readings = Readings(Scripted(), exchanges=True)  # type: ignore[arg-type]
    readings.take()
    readings.take()
    assert readings.figures() == {"yardstick_ns": (101, 102), "exchange_ns": (500, 500)}


def test_without_a_load_there_is_nothing_to_exchange() -> None:
    scripted = Scripted()
    readings = Readings(scripted, exchanges=False)  # type: ignore[arg-type]
    readings.take()
    assert readings.figures() == {"yardstick_ns": (101,), "exchange_ns": ()}
    assert scripted.asked == [False]


def test_without_a_yardstick_nothing_is_read() -> None:
    readings = Readings(None, exchanges=True)
    readings.take()
    assert readings.figures() == {"yardstick_ns": (), "exchange_ns": ()}


def test_its_processes_are_started_once_when_they_are_needed_and_ended() -> None:
    me = psutil.Process()
    before = set(me.children())
    with Yardstick(choose_cores()) as yardstick:
        assert set(me.children()) == before
        first = yardstick.lay_on(exchanges=True)
        started = set(me.children()) - before
        assert len(started) == 2
        assert first["work_ns"] > 0
        assert first["exchange_ns"] > 0
        assert yardstick.lay_on(exchanges=False)["exchange_ns"] is None
        assert set(me.children()) - before == started
    assert not any(each.is_running() for each in started)


def test_when_one_of_its_processes_is_gone_that_is_said_and_the_next_reading_has_new_ones() -> None:
    with Yardstick(choose_cores()) as yardstick:
        yardstick.lay_on(exchanges=True)
        os.kill(yardstick.pids[0], signal.SIGKILL)
        with pytest.raises(ChildFailure, match=r"^yardstick: ended early, killed by SIGKILL"):
            yardstick.lay_on(exchanges=True)
        assert yardstick.lay_on(exchanges=True)["work_ns"] > 0


def test_processes_that_could_not_be_started_are_tried_again_for_the_next_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Yardstick(choose_cores()) as yardstick:
        with monkeypatch.context() as full:
            full.setattr(Children, "start", lambda *_: (_ for _ in ()).throw(OSError("no more processes")))
            with pytest.raises(OSError, match="no more processes"):
                yardstick.lay_on(exchanges=False)
        assert yardstick.pids == ()
        assert yardstick.lay_on(exchanges=False)["work_ns"] > 0
