"""The A/A check: how often it cries wolf, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from reports.analysis.comparison import compare
from reports.analysis.noise import ASSUMED_FLOOR, SMALLEST_EFFECT, NoiseCheck, Trust, check, relative_scatter

Noise = Callable[[np.random.Generator, int], np.ndarray]
SMOKE = {"rounds": 5, "scenarios": 3}


def normal(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.normal(0, 0.05, size)


def heavy_tailed(rng: np.random.Generator, size: int) -> np.ndarray:
    return 0.04 * rng.standard_t(2, size)


def drifting(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise whose size differs between rounds by a factor of ten; the drift itself cancels in the pair."""
    return rng.normal(0, 0.08, size) * np.linspace(0.1, 1, size)


def skewed(rng: np.random.Generator, size: int) -> np.ndarray:
    """Interference only ever slows: one-sided per sample."""
    return rng.exponential(0.05, size)


def pair_logs(
    rng: np.random.Generator, noise: Noise, rounds: int, scenarios: int, bias: float = 0.0
) -> dict[str, np.ndarray]:
    return {f"s{i}": noise(rng, rounds) - noise(rng, rounds) + bias for i in range(scenarios)}


def alarms(noise: Noise, runs: int, bias: float = 0.0, **shape: int) -> int:
    rng = np.random.default_rng(11)
    found = [check(pair_logs(rng, noise, bias=bias, **shape), seed).trust for seed in range(runs)]
    return found.count(Trust.DIFFERS)


@pytest.mark.parametrize("noise", [normal, heavy_tailed, drifting, skewed])
def test_identical_subjects_raise_the_alarm_in_at_most_a_few_runs_of_smoke(noise: Noise) -> None:
    assert alarms(noise, runs=300, **SMOKE) <= 0.03 * 300


def test_more_scenarios_do_not_raise_more_false_alarms() -> None:
    assert alarms(normal, runs=100, rounds=5, scenarios=40) <= 4


def test_a_bias_of_a_tenth_is_found_in_most_runs_of_smoke() -> None:
    assert alarms(normal, runs=60, bias=0.10, **SMOKE) >= 0.9 * 60


def test_a_bias_in_one_scenario_is_found_when_there_are_rounds_enough() -> None:
    rng = np.random.default_rng(5)
    logs = pair_logs(rng, normal, rounds=20, scenarios=6)
    logs["s3"] = logs["s3"] + 0.15
    found = check(logs, 1)
    assert found.trust is Trust.DIFFERS
    assert found.worst_scenario == "s3"
    assert found.worst_ratio == pytest.approx(math.exp(0.15), rel=0.05)


def test_a_tiny_difference_raises_no_alarm_however_certain() -> None:
    rng = np.random.default_rng(5)
    found = check({"s": rng.normal(0.002, 0.001, 50)}, 1)
    assert found.probability < 0.01
    assert found.trust is Trust.HOLDS


def test_too_few_pairs_cannot_tell() -> None:
    found = check({"s": np.array([0.2, 0.2, 0.2, 0.2, 0.2])}, 1)
    assert found.trust is Trust.CANNOT_TELL
    assert math.isnan(found.probability)
    assert found.floor_for("s") >= math.expm1(0.2)


def test_no_pair_assumes_a_floor() -> None:
    found = check({}, 1)
    assert (found.trust, found.floor) == (Trust.NO_PAIR, ASSUMED_FLOOR)


def test_a_perfect_pair_keeps_the_smallest_floor() -> None:
    found = check({"s": np.zeros(10)}, 1)
    assert (found.trust, found.floor) == (Trust.HOLDS, SMALLEST_EFFECT)


def test_the_noise_floor_holds_the_medians_of_identical_subjects() -> None:
    rng = np.random.default_rng(9)
    outside = total = 0
    for seed in range(60):
        logs = pair_logs(rng, normal, rounds=5, scenarios=6)
        floor = check(logs, seed).floor
        outside += sum(math.expm1(abs(float(np.median(values)))) > floor for values in logs.values())
        total += len(logs)
    assert outside / total <= 0.09


def test_one_wild_sample_hardly_moves_the_noise_floor() -> None:
    rng = np.random.default_rng(9)
    logs = pair_logs(rng, normal, rounds=5, scenarios=3)
    calm = check(logs, 1).floor
    logs["s0"][0] = 3.0
    assert check(logs, 1).floor < 1.5 * calm


def equals(rng: np.random.Generator, spread: float, rounds: int, subjects: int) -> dict[str, np.ndarray]:
    """Costs of identical subjects, ``a`` the control and ``b`` its twin among them."""
    names = "abcdefgh"[:subjects]
    return {name: np.exp(rng.normal(0, spread, rounds)) for name in names}


def noise_of(pairs: dict[str, dict[str, np.ndarray]]) -> NoiseCheck:
    logs = {name: np.log(costs["b"] / costs["a"]) for name, costs in pairs.items()}
    return check(logs, 1, relative_scatter(pairs, "a"))


def test_noisy_scenarios_tell_identical_subjects_apart_no_more_often_than_quiet_ones() -> None:
    rng = np.random.default_rng(3)
    told: dict[float, list[bool]] = {0.02: [], 0.06: []}
    for _ in range(60):
        spreads = {f"s{number}": 0.06 if number < 4 else 0.02 for number in range(12)}
        pairs = {name: equals(rng, spread, 5, 8) for name, spread in spreads.items()}
        noise = noise_of(pairs)
        for name, spread in spreads.items():
            ratios = [pairs[name][other] / pairs[name]["a"] for other in "cdef"]
            told[spread] += [compare("a", each, noise.floor_for(name)).told_apart for each in ratios]
    quiet, noisy = (sum(each) / len(each) for each in told.values())
    assert quiet <= 0.02
    assert noisy <= 0.02


def test_a_scenario_three_times_as_noisy_as_the_others_has_a_floor_of_its_own() -> None:
    rng = np.random.default_rng(4)
    pairs = {name: equals(rng, 0.02, 9, 8) for name in ("s0", "s1", "s2", "s3")}
    pairs["s4"] = equals(rng, 0.06, 9, 8)
    scatter = relative_scatter(pairs, "a")
    assert scatter["s4"] == pytest.approx(3, rel=0.4)
    assert [scatter[name] for name in ("s0", "s1", "s2", "s3")] == pytest.approx([1.0] * 4, rel=0.4)
    noise = noise_of(pairs)
    assert noise.by_chance["s4"] > 2 * noise.floor
    assert noise.widest_floor >= noise.by_chance["s4"]


def test_few_ratios_hardly_say_that_a_scenario_is_noisier() -> None:
    rng = np.random.default_rng(4)
    few = {name: equals(rng, 0.02, 3, 2) for name in ("s0", "s1", "s2")} | {"s3": equals(rng, 0.2, 3, 2)}
    many = {name: equals(rng, 0.02, 9, 8) for name in ("s0", "s1", "s2")} | {"s3": equals(rng, 0.2, 9, 8)}
    assert relative_scatter(few, "a")["s3"] < 0.6 * relative_scatter(many, "a")["s3"]


def test_nothing_that_scatters_says_nothing_of_noise() -> None:
    one = {"s0": {"a": np.array([1.0]), "b": np.array([2.0])}, "s1": {"a": np.array([np.nan, 1.0])}}
    assert relative_scatter(one, "a") == {}
    assert relative_scatter({"s0": {name: np.ones(5) for name in "abc"}}, "a") == {}
