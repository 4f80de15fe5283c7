"""How fast the measured core was, and what the CPU time would have been at its full speed.

A second of CPU time is worth less while the clock is low, a neighbour uses the other half of the core or
fills the caches. The yardstick, laid on before and after each slice of a window, says how fast the core was
at a fixed piece of work and, where a load is part of the sample, at exchanging messages with the load's core;
then the speed is that of both, the exchange counting for more. How strongly costs follow it depends on what
is measured. So the run itself tells: where the same subject under the same scenario was measured at
different speeds, the slope of its cost against the speed, both as logarithms, over all of them together (a
*control variate*). That slope, the *sensitivity*, is how far a cost is corrected for the difference between
its speed and the run's mean. For the mean itself costs are corrected one to one: a core at half its speed
takes twice the time. The slope would not do there. The less the speed varies within a run, the more of what
varies is the yardstick's own noise, and the flatter is the slope: in a quiet run it was 0.4 instead of 0.9 to
1, and all costs would have come out a fifth higher than in the others.

There are two slopes. The yardsticks of a whole block, of samples that were taken together, tell well how fast
the machine was in that time: costs follow their mean. By how much one sample of the block had it better than
another they tell less well, as the slices of all alternate and little is left to tell: costs follow that part
with a slope of its own, and ratios within a block are not blurred by the yardstick's noise. A sample that was
taken alone is a block of one.

Rules
- Nothing is left out, and all samples of a run are treated by the same figures, whichever subject they are
  of. Where the yardstick says nothing about the costs the slopes are nothing; then all costs of the run are
  divided by one figure.
- The full speed is the run's own, so that figures of one run are comparable with one another, and with
  those of another run on the same machine as far as it reached its full speed in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from lab.results import Sample

FULL_SPEED_SHARE = 0.001
"""The share of all yardsticks of a run that are as fast as full speed or faster. Small, since a core that
others disturb has it for moments only; where a tenth had to reach it, runs of a bad hour had another full
speed than those of a good one. Not the fastest one: a lucky reading must not move every figure."""
EXCHANGE_PART = 0.7
"""How much the exchange counts beside the work: as costs under a load follow the two (docs/method.md, "The
speed of the core")."""
FEWEST_REPEATS = 20
"""Samples beyond the first of each cell that are needed before a slope is believed."""


@dataclass(frozen=True)
class CoreSpeed:
    """What a run tells of its measured core."""

    full_ns: float | None
    """The yardstick's work at full speed, in nanoseconds; None where it was never laid on."""
    sensitivity: float = 0.0
    """0 to 1: to which power of a block's slowness, as against the level, the costs in it grow."""
    within: float = 0.0
    """0 to 1: the same for what a sample had slower than its block."""
    blocks: Mapping[int, float] = field(default_factory=dict)
    """The mean logarithm of the slowness in each; a sample taken alone, in none, stands for itself."""
    levels: Mapping[bool, float] = field(default_factory=dict)
    """The run's mean of these, of the blocks with and of those without exchanges."""
    full_exchange_ns: float | None = None
    """The yardstick's exchange at full speed; None where there was none."""
    is_told: bool = False
    """Whether there were enough samples to tell how costs follow it. If not, they are not corrected."""

    def in_slices(self, sample: Sample) -> tuple[float, ...]:
        """The speed in each slice as a share of full speed, a little above 1 where it was faster.

        That of a slice is that of the yardsticks on its two sides. Empty where it is not known.
        """
        slices = len(sample.slice_cpu_s)
        work = _times_full(self.full_ns, sample.yardstick_ns, slices)
        exchange = _times_full(self.full_exchange_ns, sample.exchange_ns, slices)
        if work and exchange:
            both = zip(work, exchange, strict=True)
            return tuple(1 / (times + EXCHANGE_PART * (more - times)) for times, more in both)
        return tuple(1 / each for each in work)

    def of(self, sample: Sample) -> float:
        """The speed over the whole window, by the CPU time in its slices; NaN where it is not known."""
        speeds = self.in_slices(sample)
        if not speeds or not sample.cpu_s:
            return math.nan
        at_full_speed_s = sum(each * speed for each, speed in zip(sample.slice_cpu_s, speeds, strict=True))
        return at_full_speed_s / sample.cpu_s

    def cost_us(self, sample: Sample) -> float:
        """Server CPU microseconds per operation at full speed: the figure that leads.

        As it was accounted where the speed is not known; NaN when nothing was completed.
        """
        slowness = self.slowness(sample)
        if math.isnan(slowness):
            return sample.cpu_us_per_operation
        of_block = slowness if sample.block is None else self.blocks.get(sample.block, slowness)
        level = self.levels.get(bool(sample.exchange_ns), 0.0)
        felt = level + self.sensitivity * (of_block - level) + self.within * (slowness - of_block)
        return sample.cpu_us_per_operation * math.exp(-felt)

    def slowness(self, sample: Sample) -> float:
        """The logarithm of how much slower than at full speed; NaN where it is not known."""
        speed = self.of(sample)
        return -math.log(speed) if speed > 0 else math.nan


def _times_full(full_ns: float | None, readings: Sequence[int], slices: int) -> list[float]:
    """How many times as long as at full speed the readings on the two sides of each slice took, on average.

    In runs whose samples were taken one at a time, two slices share the one between them. Empty where it is
    not known.
    """
    if full_ns is None or min(readings, default=0) <= 0:
        return []
    if len(readings) == 2 * slices:
        sides = zip(readings[::2], readings[1::2], strict=True)
    else:
        sides = pairwise(readings if len(readings) == slices + 1 else ())
    return [(before + after) / 2 / full_ns for before, after in sides]


def core_speed(samples: Sequence[Sample]) -> CoreSpeed:
    """What ``samples``, all of a run, tell of its core."""
    full_ns = _full(reading for sample in samples for reading in sample.yardstick_ns)
    if full_ns is None:
        return CoreSpeed(None)
    full_exchange_ns = _full(reading for sample in samples for reading in sample.exchange_ns)
    speed = CoreSpeed(full_ns, full_exchange_ns=full_exchange_ns)
    rows = _rows(speed, samples)
    slowness = rows.groupby("block")["slowness"].mean()
    blocks = {int(block): mean for block, mean in slowness.items() if block >= 0}
    if len(rows) - len(rows.groupby(["scenario", "subject"])) < FEWEST_REPEATS:
        return CoreSpeed(full_ns, blocks=blocks, full_exchange_ns=full_exchange_ns)
    level = rows.groupby(["exchanges", "block"])["slowness"].mean().groupby("exchanges").mean()
    levels = {bool(exchanges): float(mean) for exchanges, mean in level.items()}
    return CoreSpeed(full_ns, *_sensitivities(rows), blocks, levels, full_exchange_ns, is_told=True)


def _full(readings: Iterable[int]) -> float | None:
    known = [reading for reading in readings if reading > 0]
    return float(np.quantile(known, FULL_SPEED_SHARE)) if known else None


def _rows(speed: CoreSpeed, samples: Sequence[Sample]) -> pd.DataFrame:
    """Block, whether there were exchanges, slowness and cost, of the samples that have the latter two.

    These are logarithms.

    Who was taken alone is a block of one, with a number below 0.
    """
    names = ["scenario", "subject", "block", "exchanges", "slowness", "cost"]
    found = (
        (
            sample.scenario,
            sample.subject,
            -1 - place if sample.block is None else sample.block,
            bool(sample.exchange_ns),
            speed.slowness(sample),
            sample.cpu_us_per_operation,
        )
        for place, sample in enumerate(samples)
        if sample.status == "ok" and not sample.warmup and sample.cpu_us_per_operation > 0
    )
    rows = pd.DataFrame(found, columns=names).dropna()
    return rows.assign(cost=np.log(rows["cost"].astype(float)))


def _sensitivities(rows: pd.DataFrame) -> tuple[float, float]:
    """The slopes of cost against slowness, within cells: of the blocks' means, and of what is off them."""
    cells = rows.groupby(["scenario", "subject"])
    values = rows[["slowness", "cost"]]
    off = values - cells[["slowness", "cost"]].transform("mean")
    of_block = off.groupby(rows["block"]).transform("mean")
    return _slope(of_block), _slope(off - of_block)


def _slope(points: pd.DataFrame) -> float:
    slowness, cost = points["slowness"].to_numpy(), points["cost"].to_numpy()
    spread = float(slowness @ slowness)
    return min(1.0, max(0.0, float(slowness @ cost) / spread)) if spread > 0 else 0.0
