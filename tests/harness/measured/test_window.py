"""The measured window: what belongs to its slices, and how long they are."""

from __future__ import annotations

import pytest

from lab.harness.measured.account import Account
from lab.harness.measured.window import Window
from lab.harness.slices import is_whole, slice_s


class ScriptedProcess:
    """A process whose CPU time is a number."""

    def __init__(self) -> None:
        self.cpu_s = 10.0

    def account(self) -> Account:
        return Account(cpu_s=self.cpu_s, user_s=self.cpu_s, counters={"waits": round(self.cpu_s)})


def test_what_lies_between_two_slices_belongs_to_none() -> None:
    process = ScriptedProcess()
    window = Window(process.account)
    for used_s in (2, 3):
        process.cpu_s += 100  # at rest: nobody's
        window.begin()
        process.cpu_s += used_s
        window.end()
    used = window.used()
    assert used["slice_cpu_s"] == [2.0, 3.0]
    assert (used["cpu_user_s"], used["counters"]) == (5.0, {"waits": 5})


@pytest.mark.parametrize(("window_s", "slices"), [(0.01, 1), (0.05, 1), (0.15, 4), (0.2, 5), (0.5, 12)])
def test_a_window_has_equal_slices_of_about_the_usual_length(window_s: float, slices: int) -> None:
    assert slice_s(window_s, clients=1) == pytest.approx(window_s / slices)


def test_many_clients_have_longer_slices_to_get_under_way_in() -> None:
    assert slice_s(0.48, clients=64) == pytest.approx(0.04)
    assert slice_s(0.48, clients=256) == pytest.approx(0.16)
    assert slice_s(0.2, clients=512) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("measured_s", "whole"), [(0.04, False), (0.161, False), (0.19, False), (0.2, True), (0.3, True)]
)
def test_slices_go_on_until_they_are_the_window(measured_s: float, whole: bool) -> None:
    assert is_whole(measured_s, {"slice_s": 0.04, "window_s": 0.2}) is whole
