"""Medians, ratios, their intervals and the permutation test: against known answers and against scipy."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from reports.analysis.comparison import Verdict, compare, judge_ratio
from reports.analysis.estimate import Estimate, confidence, median_estimate, median_interval, ratios, spared
from reports.analysis.permutation import EXACT_ROUNDS, chance

EXPERIMENTS = 20_000
NOISE: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(0, 0.08, size),
    "heavy-tailed": lambda rng, size: 0.04 * rng.standard_t(2, size),
    "one-sided": lambda rng, size: rng.exponential(0.05, size) - 0.05 * math.log(2),
}
"""Noise around a true median of 0, as a log ratio."""


@pytest.fixture(scope="module")
def stats() -> ModuleType:
    """scipy's statistics, imported where they are asked for: that takes as long as all the tests here."""
    return importlib.import_module("scipy.stats")


def logs(rounds: int, seed: int = 1, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 0.1, rounds)


def test_the_median_of_five_rounds_spans_lowest_to_highest() -> None:
    found = median_estimate(np.array([5.0, 1.0, 3.0, 2.0, 4.0]))
    assert found == Estimate(3.0, 1.0, 5.0, 5)
    assert not found.indicative


def test_nan_is_left_out_and_nothing_gives_nothing() -> None:
    assert median_estimate(np.array([math.nan, math.nan])) is None
    found = median_estimate(np.array([math.nan, 2.0]))
    assert found is not None
    assert (found.value, found.rounds, found.has_interval) == (2.0, 1, False)


def test_four_rounds_are_indicative() -> None:
    found = median_estimate(np.array([1.0, 2.0, 3.0, 4.0]))
    assert found is not None and found.indicative and found.value == 2.5


def test_a_ratio_is_paired_so_that_drift_cancels() -> None:
    control = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    assert median_estimate(ratios(control / 2, control)) == Estimate(0.5, 0.5, 0.5, 5)


def test_zeros_and_missing_rounds_have_no_ratio() -> None:
    assert ratios(np.array([0.0, 1.0, math.nan]), np.array([1.0, 0.0, 1.0])).size == 0


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("rounds", [5, 6, 7, 8, 9, 20])
def test_the_interval_holds_the_true_median_in_93_to_97_of_100_experiments(rounds: int, noise: str) -> None:
    low, high = median_interval(NOISE[noise](np.random.default_rng(rounds), (EXPERIMENTS, rounds)))
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97


@pytest.mark.parametrize("rounds", [2, 3, 4, 5])
def test_few_rounds_promise_what_they_keep_and_no_more(rounds: int) -> None:
    low, high = median_interval(NOISE["normal"](np.random.default_rng(1), (EXPERIMENTS, rounds)))
    assert confidence(rounds) == 1 - 0.5 ** (rounds - 1)
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(confidence(rounds), abs=0.01)


def test_the_promise_grows_with_the_rounds_up_to_95_of_100() -> None:
    assert [confidence(rounds) for rounds in (1, 5, 6, 9, 1000)] == [0.0, 0.9375, 0.95, 0.95, 0.95]


@pytest.mark.parametrize("rounds", [6, 7, 8, 9, 12, 21, 100])
def test_the_interval_lies_inside_the_exact_one_of_scipy_that_promises_at_least_95(
    rounds: int, stats: ModuleType
) -> None:
    values = logs(rounds)
    exact = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    low, high = median_interval(values)
    ordered = np.sort(values)
    inner = ordered[ordered > exact.low][0], ordered[ordered < exact.high][-1]
    assert exact.low <= low <= inner[0]
    assert inner[1] <= high <= exact.high


@pytest.mark.parametrize("rounds", [1, 5, 6, 8, 9, 12, 25])
def test_as_many_rounds_are_spared_as_a_promise_of_95_of_100_allows(rounds: int, stats: ModuleType) -> None:
    def broken(count: int) -> float:
        return float(2 * stats.binom.cdf(count, rounds, 0.5))

    assert broken(spared(rounds) + 1) > 0.05
    assert broken(spared(rounds)) <= 0.05 or spared(rounds) == 0


def test_over_many_rounds_it_agrees_with_the_bootstrap_of_scipy(stats: ModuleType) -> None:
    values = logs(301)
    found = stats.bootstrap(
        (values,), np.median, method="percentile", n_resamples=2_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert median_interval(values) == pytest.approx((found.low, found.high), abs=0.003)


def test_on_five_rounds_it_is_the_bootstrap_interval_of_scipy(stats: ModuleType) -> None:
    values = logs(5)
    found = stats.bootstrap(
        (values,), np.median, method="percentile", n_resamples=2_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert median_interval(values) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize("rounds", [3, 5, 9, 20, EXACT_ROUNDS, EXACT_ROUNDS + 30])
def test_chance_is_what_scipy_says_of_signed_ranks(rounds: int, stats: ModuleType) -> None:
    values = logs(rounds, shift=0.05)
    method = "exact" if rounds <= EXACT_ROUNDS else "asymptotic"
    assert chance(values) == pytest.approx(stats.wilcoxon(values, method=method).pvalue)


@pytest.mark.parametrize("values", [logs(7, shift=0.08), np.array([0.1, 0.1, -0.1, 0.3, 0.2, 0.0])])
def test_chance_is_the_share_of_all_sign_patterns_that_scipy_tries(
    values: np.ndarray, stats: ModuleType
) -> None:
    ranks = stats.rankdata(np.abs(values))
    found = stats.permutation_test(
        (values,),
        lambda flipped: abs(np.sum(np.sign(flipped) * ranks)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert chance(values) == pytest.approx(found.pvalue)


def test_chance_is_certain_of_equal_subjects_and_silent_without_rounds() -> None:
    assert chance(np.zeros(6)) == 1.0
    assert math.isnan(chance(np.empty(0)))


@pytest.mark.parametrize("rounds", [5, 6, 7, 9])
def test_identical_subjects_are_told_apart_no_more_often_than_promised(rounds: int) -> None:
    found = [compare("control", np.exp(logs(rounds, seed)), noise_floor=0.0) for seed in range(1_000)]
    assert sum(each.told_apart for each in found) / 1_000 <= 1 - confidence(rounds) + 0.02


def test_a_difference_that_every_round_shows_is_found_on_five_rounds() -> None:
    found = compare("control", np.array([0.50, 0.52, 0.55, 0.54, 0.51]), noise_floor=0.05)
    assert found.verdict is Verdict.BETTER
    assert found.probability == pytest.approx(2 / 2**5)


@pytest.mark.parametrize(
    ("ratio", "probability", "verdict"),
    [
        (Estimate(0.50, 0.45, 0.55, 5), 0.0625, Verdict.BETTER),
        (Estimate(1.50, 1.45, 1.55, 5), 0.0625, Verdict.WORSE),
        (Estimate(0.50, 0.45, 0.55, 9), 0.0625, Verdict.NO_DIFFERENCE),
        (Estimate(0.95, 0.85, 1.05, 5), 0.0625, Verdict.NO_DIFFERENCE),
        (Estimate(0.97, 0.96, 0.98, 5), 0.0625, Verdict.NO_DIFFERENCE),
        (Estimate(0.50, 0.50, 0.50, 2), 0.5, Verdict.NOT_MEASURABLE),
        (Estimate(0.50, math.nan, math.nan, 1), 1.0, Verdict.NOT_MEASURABLE),
        (None, math.nan, Verdict.NOT_MEASURABLE),
    ],
)
def test_a_difference_must_leave_out_one_exceed_the_noise_and_be_beyond_chance(
    ratio: Estimate | None, probability: float, verdict: Verdict
) -> None:
    assert judge_ratio(ratio, probability, noise_floor=0.05) is verdict
