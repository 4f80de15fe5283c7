"""Medians, ratios and their intervals against known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.analysis.comparison import Verdict, judge_ratio
from reports.analysis.estimate import Estimate, generator, median_estimate, ratio_estimate


def rng() -> np.random.Generator:
    return generator(1, "test")


def test_the_median_of_five_rounds_spans_lowest_to_highest() -> None:
    found = median_estimate(np.array([5.0, 1.0, 3.0, 2.0, 4.0]), rng())
    assert found == Estimate(3.0, 1.0, 5.0, 5)
    assert not found.indicative


def test_nan_is_left_out_and_nothing_gives_nothing() -> None:
    assert median_estimate(np.array([math.nan, math.nan]), rng()) is None
    found = median_estimate(np.array([math.nan, 2.0]), rng())
    assert found is not None
    assert (found.value, found.rounds, found.has_interval) == (2.0, 1, False)


def test_four_rounds_are_indicative() -> None:
    found = median_estimate(np.array([1.0, 2.0, 3.0, 4.0]), rng())
    assert found is not None and found.indicative and found.value == 2.5


def test_a_ratio_is_paired_so_that_drift_cancels() -> None:
    control = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    found = ratio_estimate(control / 2, control, rng())
    assert found == Estimate(0.5, 0.5, 0.5, 5)


def test_zeros_and_missing_rounds_have_no_ratio() -> None:
    found = ratio_estimate(np.array([0.0, 1.0, math.nan]), np.array([1.0, 0.0, 1.0]), rng())
    assert found is None


@pytest.mark.parametrize("rounds", [5, 9, 20])
def test_the_interval_covers_the_true_median_as_often_as_it_says(rounds: int) -> None:
    source = np.random.default_rng(rounds)
    covered = 0
    for _ in range(400):
        found = median_estimate(np.exp(source.normal(0, 0.08, rounds)), source)
        assert found is not None
        covered += found.low <= 1 <= found.high
    assert covered / 400 >= 0.91


def test_the_same_seed_and_name_give_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(10, 1, 9)
    first = median_estimate(values, generator(7, "echo", "epoll"))
    assert first == median_estimate(values, generator(7, "echo", "epoll"))
    assert first != median_estimate(values, generator(8, "echo", "epoll"))


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Estimate(0.50, 0.45, 0.55, 5), Verdict.BETTER),
        (Estimate(1.50, 1.45, 1.55, 5), Verdict.WORSE),
        (Estimate(0.95, 0.85, 1.05, 5), Verdict.NO_DIFFERENCE),
        (Estimate(0.97, 0.96, 0.98, 5), Verdict.NO_DIFFERENCE),
        (Estimate(0.50, 0.50, 0.50, 2), Verdict.NOT_MEASURABLE),
        (Estimate(0.50, math.nan, math.nan, 1), Verdict.NOT_MEASURABLE),
        (None, Verdict.NOT_MEASURABLE),
    ],
)
def test_a_difference_must_leave_out_one_and_exceed_the_noise(
    ratio: Estimate | None, verdict: Verdict
) -> None:
    assert judge_ratio(ratio, noise_floor=0.05) is verdict
