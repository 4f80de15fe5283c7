"""Cost as a line: a fixed part, and a part for each descriptor (idle connection, pair) beside it.

Method: in each round the least-squares line through the costs of that round; then the median over the rounds
of its ends, with the same interval as every other median. So nothing is assumed of the noise, and a machine
that is slow for a whole round moves one line, not the points of one line against each other.

Rule: a cost grows or falls only if the interval of the part for each leaves out 0 *and* what that makes over
the whole axis exceeds the noise floor; as with ratios, either alone would cry wolf.

Pitfall: a cost need not follow a line (a cache that overflows makes a step). `Line.misfit` says how far it
does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.analysis.cells import Cell
from reports.analysis.estimate import FIRM_ROUNDS, Estimate, Values, median_estimate

FEWEST_POINTS = 2


@dataclass(frozen=True)
class Line:
    """Cost = fixed + each * axis value. Microseconds of CPU per operation."""

    fixed_us: Estimate
    each_us: Estimate
    first: int
    """The axis from here"""
    last: int
    """to here."""
    misfit: float
    """The largest distance of a median cost from the line, as a share of the cost; 0 with two points."""
    noise_floor: float

    @property
    def rise(self) -> float:
        """What the line adds from the first to the last axis value, as a share of its start."""
        start = self.fixed_us.value + self.each_us.value * self.first
        return self.each_us.value * (self.last - self.first) / start if start > 0 else 0.0

    @property
    def measurable(self) -> bool:
        """Whether there are rounds enough for a verdict: points of a line are taken minutes apart."""
        return self.each_us.rounds >= FIRM_ROUNDS

    @property
    def grows(self) -> bool:
        """The cost grows with the axis, beyond chance and noise."""
        return self.measurable and self.each_us.low > 0 and self.rise > self.noise_floor

    @property
    def falls(self) -> bool:
        """The cost falls with the axis, beyond chance and noise."""
        return self.measurable and self.each_us.high < 0 and self.rise < -self.noise_floor


def fit(row: list[tuple[int, Cell]], noise_floor: float) -> Line | None:
    """The line through the cells of one subject along an axis, over the rounds that all of them share.

    None with fewer than two points, or without a round in which all were measured.
    """
    row = [(value, cell) for value, cell in row if cell.cost]
    if len(row) < FEWEST_POINTS:
        return None
    by_round = [dict(zip(cell.rounds, cell.costs, strict=True)) for _, cell in row]
    shared = sorted(set.intersection(*map(set, by_round)))
    values = np.array([value for value, _ in row], dtype=float)
    costs = np.array([[costs[number] for costs in by_round] for number in shared])
    if not shared:
        return None
    fixed, each = lines(values, costs)
    a, b = median_estimate(fixed), median_estimate(each)
    if a is None or b is None:
        return None
    medians = np.median(costs, axis=0)
    misfit = float(np.max(np.abs(a.value + b.value * values - medians) / medians)) if len(row) > 2 else 0.0
    return Line(a, b, row[0][0], row[-1][0], misfit, noise_floor)


def lines(values: Values, costs: Values) -> tuple[Values, Values]:
    """Fixed part and part for each of the least-squares lines; ``costs`` has the points along its last
    axis."""
    off = values - values.mean()
    each = costs @ off / (off @ off)
    return costs.mean(axis=-1) - each * values.mean(), each
