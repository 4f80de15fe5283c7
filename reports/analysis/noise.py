"""The A/A check: the control measured twice, and what the difference says about the run.

Two questions are asked of the pair, over all scenarios at once.

*Is there a difference where there can be none?* A randomisation test. In each round and scenario the plan's
shuffle decides which of the two identical subjects runs earlier; swapping their names changes nothing but
the sign of the log ratio, whatever the drift and however heavy the tails. So all sign patterns are equally
likely, and the share of patterns as extreme as the one seen is a valid probability. "Extreme" is the larger
of the standardised mean over all pairs (a bias everywhere) and that of any single scenario (a bias
somewhere): the maximum keeps the chance of a false alarm at ``ALARM`` for the whole run, however many
scenarios it has. Per-scenario intervals would not: at three scenarios of five rounds one run in six would
show a "difference". A difference that is real but below ``SMALLEST_EFFECT`` raises no alarm.
The price: 2 to the power of (1 - pairs) is the least probability, so fewer than ``FEWEST_PAIRS`` pairs
can never raise the alarm; the check then says that it cannot tell.

*How far apart do identical subjects land?* The noise floor: the half width within which the median ratio of
two identical subjects stays in 95 % of scenarios at this number of rounds (robust scale of the pairs' log
ratios, times the standard error of a median). Scenarios differ in noise, threefold in some runs, and five
pairs tell little of one: how noisy each is beside the others is taken from the scatter of *all* subjects'
ratios over its rounds (`relative_scatter`), how noisy the run is from the pair. Verdicts call anything
smaller "no difference". It is what chance can do, not a bound: where the pair itself lay further apart, that
scenario's floor is as wide.

Pitfall: the median over all pairs is signed, so scenarios that err in opposite directions cancel in it. It
is never shown without the largest difference of a single scenario.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from reports.analysis.estimate import Estimate, Values, median_estimate

ALARM = 0.01
SMALLEST_EFFECT = 0.01
FEWEST_PAIRS = 8
FLIPS = 10_000
ASSUMED_FLOOR = 0.05
"""The noise floor of a run without an A/A pair: what quiet desktop machines show in five rounds."""

PRIOR_FREEDOM = 10
"""As many degrees of freedom speak for a scenario's being as noisy as the typical one, before it is heard."""

NORMAL_PER_MEDIAN_DEVIATION = 1.4826
MEDIAN_STANDARD_ERROR = 1.2533
"""Standard error of a median, relative to that of a mean, for normal noise: sqrt(pi / 2)."""


class Trust(StrEnum):
    """What the A/A pair says about the run."""

    HOLDS = "no difference in the A/A pair"
    DIFFERS = "the A/A pair differs"
    CANNOT_TELL = "too few pairs to check"
    NO_PAIR = "no A/A pair"


@dataclass(frozen=True)
class NoiseCheck:
    """The outcome of the A/A check. Effects and floors are relative: 0.03 is 3 %."""

    trust: Trust
    pairs: int
    probability: float
    """How often chance alone looks at least this different; NaN without enough pairs."""
    ratio: Estimate | None
    """Twin over control, over all pairs."""
    floor: float
    """Differences below this count as none in a scenario of typical noise."""
    rounds: int = 0
    """Pairs of a typical scenario."""
    worst_scenario: str | None = None
    """Where the two lie furthest apart."""
    worst_ratio: float = math.nan
    offsets: dict[str, float] | None = None
    """By scenario: how far the twin's median lay from the control's, relative."""
    by_chance: dict[str, float] = field(default_factory=dict)
    """By scenario: how far chance alone can put them apart there; `floor` where it is not known."""

    def floor_for(self, scenario: str) -> float:
        """The noise floor of one scenario: at least what the pair showed right there."""
        return max(self.by_chance.get(scenario, self.floor), (self.offsets or {}).get(scenario, 0.0))

    @property
    def widest_floor(self) -> float:
        """The largest noise floor that any scenario's verdicts use."""
        return max(map(self.floor_for, {**self.by_chance, **(self.offsets or {})}), default=self.floor)


def check(logs: dict[str, Values], seed: int, scatter: Mapping[str, float] | None = None) -> NoiseCheck:
    """Judge the A/A pair from its log ratios (twin over control), by scenario, one a round.

    ``scatter``: how noisy each scenario is, relative to a typical one; all alike by default.
    """
    scatter = scatter or {}
    logs = {name: values for name, values in logs.items() if values.size}
    if not logs:
        return NoiseCheck(Trust.NO_PAIR, 0, math.nan, None, ASSUMED_FLOOR)
    pooled = np.concatenate(list(logs.values()))
    medians = {name: float(np.median(values)) for name, values in logs.items()}
    worst = max(medians, key=lambda name: abs(medians[name]))
    probability = flip_probability(logs, seed) if pooled.size >= FEWEST_PAIRS else math.nan
    spread = _spread(np.concatenate([values / scatter.get(name, 1.0) for name, values in logs.items()]))
    rounds = float(np.median([values.size for values in logs.values()]))
    return NoiseCheck(
        trust=_trust(probability, float(np.mean(pooled)), medians[worst]),
        pairs=int(pooled.size),
        probability=probability,
        ratio=median_estimate(np.exp(pooled)),
        floor=_half_width(spread, rounds),
        rounds=round(rounds),
        worst_scenario=worst,
        worst_ratio=math.exp(medians[worst]),
        offsets={name: math.expm1(abs(value)) for name, value in medians.items()},
        by_chance={name: _half_width(spread * each, rounds) for name, each in scatter.items()},
    )


def _trust(probability: float, mean: float, worst: float) -> Trust:
    if math.isnan(probability):
        return Trust.CANNOT_TELL
    differs = probability < ALARM and max(abs(mean), abs(worst)) > SMALLEST_EFFECT
    return Trust.DIFFERS if differs else Trust.HOLDS


def flip_probability(logs: dict[str, Values], seed: int) -> float:
    """The share of random sign patterns that look as extreme as the one seen (itself included)."""
    rng = np.random.default_rng([abs(seed), *b"sign flips"])
    total_seen, total_flipped = 0.0, np.zeros(FLIPS)
    extreme_seen, extreme_flipped = 0.0, np.zeros(FLIPS)
    for values in logs.values():
        scale = math.sqrt(float(np.mean(values**2)))
        if not scale:
            continue
        standard = values / scale
        signs = rng.integers(0, 2, size=(FLIPS, values.size), dtype=np.int8) * 2 - 1
        flipped = signs @ standard
        total_seen, total_flipped = total_seen + standard.sum(), total_flipped + flipped
        root = math.sqrt(values.size)
        extreme_seen = max(extreme_seen, abs(standard.sum()) / root)
        extreme_flipped = np.maximum(extreme_flipped, np.abs(flipped) / root)
    root = math.sqrt(sum(values.size for values in logs.values()))
    extreme_seen = max(extreme_seen, abs(total_seen) / root)
    extreme_flipped = np.maximum(extreme_flipped, np.abs(total_flipped) / root)
    reached = np.count_nonzero(extreme_flipped >= extreme_seen * (1 - 1e-9))
    return (1 + int(reached)) / (1 + FLIPS)


def relative_scatter(pairs: Mapping[str, Mapping[str, Values]], control: str) -> dict[str, float]:
    """How noisy each scenario is beside a typical one: 2.0 is twice as noisy.

    ``pairs``: by scenario and subject the cost in each round, NaN where there is none. From how the ratios of
    all subjects to ``control`` scatter around their medians; the fewer there are, the nearer to 1.
    """
    off = {name: _off_their_medians(costs, control) for name, costs in pairs.items()}
    spreads = {name: _spread(values) for name, (values, freedom) in off.items() if freedom}
    typical = float(np.median(list(spreads.values()))) if spreads else 0.0
    if not typical:
        return {}
    return {
        name: math.sqrt(
            (PRIOR_FREEDOM + off[name][1] * (spread / typical) ** 2) / (PRIOR_FREEDOM + off[name][1])
        )
        for name, spread in spreads.items()
    }


def _off_their_medians(costs: Mapping[str, Values], control: str) -> tuple[Values, int]:
    """Log ratios less the median of their subject's, all in one, and their degrees of freedom."""
    off, freedom = [np.empty(0)], 0
    for subject, values in costs.items():
        if subject != control and control in costs:
            logs = np.log(values / costs[control])
            logs = logs[np.isfinite(logs)]
            if logs.size > 1:
                off.append(logs - np.median(logs))
                freedom += logs.size - 1
    return np.concatenate(off), freedom


def _spread(values: Values) -> float:
    """The standard deviation around 0 of normal noise with this median absolute value."""
    return NORMAL_PER_MEDIAN_DEVIATION * float(np.median(np.abs(values)))


def _half_width(spread: float, rounds: float) -> float:
    """The 95 % half width of a median of so many, relative; at least ``SMALLEST_EFFECT``."""
    return max(SMALLEST_EFFECT, math.expm1(1.96 * MEDIAN_STANDARD_ERROR * spread / math.sqrt(rounds)))
