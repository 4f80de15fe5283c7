"""What the subjects can serve, and the rates that lead up to it."""

from __future__ import annotations

import itertools

import pytest

from lab.errors import LabError
from lab.harness.machine.cores import Cores
from lab.harness.planning import plan
from lab.harness.planning.capacity import (
    RATES_AT_MOST,
    STEP,
    TRIALS,
    find_capacities,
    ladder,
    ladders,
    trials,
)
from lab.harness.planning.selection import Selection
from lab.results import CapacityRecord, RunRecord
from tests.fake_measuring import FakeCatalogue, FakeMeasure, environment

CORES = Cores(1, (0,), "made up")


def planned() -> RunRecord:
    selection = Selection(backends=("epoll", "select"), workloads=("echo-sockets", "http"))
    catalogue = FakeCatalogue(blocked={("select", "http")})
    return plan.build(selection, environment(), id="r", seed=7, catalogue=catalogue)


def test_every_loop_is_tried_wherever_it_can_run_and_neither_floor_nor_twin() -> None:
    pairs = {(subject.name, scenario.workload) for subject, scenario in trials(planned())}
    assert pairs == {
        ("epoll", "echo-sockets"),
        ("select", "echo-sockets"),
        ("asyncio", "echo-sockets"),
        ("epoll", "http"),
        ("asyncio", "http"),
    }


def test_a_trial_is_short_and_the_best_of_several_counts() -> None:
    measure = FakeMeasure()
    found = find_capacities(planned(), measure, CORES)
    assert len(measure.calls) == TRIALS * len(found) == TRIALS * 5
    assert all(call["timing"].window_s < 0.5 and call["warmup"] for call in measure.calls)
    assert {each.per_s for each in found} == {50_000.0}


def test_a_subject_that_fails_its_trials_leaves_the_rates_to_the_others() -> None:
    found = find_capacities(planned(), FakeMeasure(fails=lambda subject, _: subject == "epoll"), CORES)
    assert {each.subject for each in found if not each.per_s} == {"epoll"}
    assert all(rates[-1] > 50_000 for rates in ladders(found).values())


def test_a_scenario_that_nobody_serves_is_refused_with_the_reason() -> None:
    with pytest.raises(LabError, match=r"serves http.*, got none in a trial: expected the reply"):
        find_capacities(planned(), FakeMeasure(fails=lambda _, scenario: "http" in scenario), CORES)


def test_the_rates_rise_in_equal_steps_from_below_the_slowest_to_beyond_the_fastest() -> None:
    rates = ladder([10_000, 30_000])
    assert rates[0] == 5_000
    assert 30_000 < rates[-1] < 40_000
    assert all(1.1 < above / below < STEP * 1.06 for below, above in itertools.pairwise(rates))


def test_subjects_far_apart_get_larger_steps_and_not_more_rates() -> None:
    assert len(ladder([100, 100_000])) == RATES_AT_MOST


def test_rates_are_round_numbers_each_once() -> None:
    assert ladder([12_345.6]) == (6_200, 7_300, 8_600, 10_000, 12_000, 14_000)
    assert ladder([0.9]) == (1,)


def test_each_scenario_has_a_ladder_of_its_own() -> None:
    found = ladders([CapacityRecord("epoll", "one", 1_000.0), CapacityRecord("epoll", "other", 10_000.0)])
    assert found["one"] == ladder([1_000.0])
    assert found["other"] == ladder([10_000.0])
