"""Medians and ratios with intervals: what a handful of noisy rounds can support, and no more.

Method: the median, and a 95 % percentile-bootstrap interval of it (rounds drawn with replacement). A ratio
is formed inside each round first, so that what slows a whole round cancels out; then the median of the
ratios is taken, and rounds are resampled. Every draw is seeded by the run's seed and the name of what is
estimated: the same run gives the same report, and no estimate depends on which others were made.

Pitfall: with five rounds the bootstrap of a median spans the smallest to the largest value and covers the
true median in 94 % of cases; with fewer it covers less (75 % of three rounds). Below ``FIRM_ROUNDS`` an
interval is therefore called indicative, below ``FEWEST_ROUNDS`` no verdict is built on it.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2_000
FIRM_ROUNDS = 5
FEWEST_ROUNDS = 3

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % interval; ``low`` and ``high`` are NaN when a single round was seen."""

    value: float
    low: float
    high: float
    rounds: int

    @property
    def indicative(self) -> bool:
        """Too few rounds for the interval to hold what it promises."""
        return self.rounds < FIRM_ROUNDS

    @property
    def has_interval(self) -> bool:
        """At least two rounds were seen."""
        return self.rounds > 1


def generator(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that belong to ``names`` under ``seed``, and to nothing else."""
    return np.random.default_rng([abs(seed), zlib.crc32("\0".join(names).encode())])


def median_estimate(values: Values, rng: np.random.Generator) -> Estimate | None:
    """The median of ``values`` (NaN left out) with its interval; None when nothing is left."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    middle = float(np.median(values))
    if values.size == 1:
        return Estimate(middle, math.nan, math.nan, 1)
    drawn = values[rng.integers(0, values.size, size=(RESAMPLES, values.size))]
    medians = np.median(drawn, axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Estimate(middle, float(low), float(high), int(values.size))


def ratio_estimate(values: Values, reference: Values, rng: np.random.Generator) -> Estimate | None:
    """The median of ``values / reference``, paired by position (one a round); None without a usable pair."""
    values, reference = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    usable = np.isfinite(values) & np.isfinite(reference) & (values > 0) & (reference > 0)
    return median_estimate(values[usable] / reference[usable], rng)
