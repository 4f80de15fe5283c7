"""How fast the measured core was, and what the CPU time would have been at its full speed.

A second of CPU time is worth less while the clock is low, a neighbour uses the other half of the core or
fills the caches. The yardstick, laid on before and after each slice of a window, says how fast the core was
at a fixed piece of work and, where a load is part of the sample, at exchanging messages with the load's core;
then the speed is that of both, the exchange counting for more. How strongly costs follow it depends on what
is measured. So the run itself tells: where the same subject under the same scenario was measured at
different speeds, the slope of its cost against the speed, both as logarithms, over all of them together (a
*control variate*). Each cost is multiplied by its speed to the power of that slope, the *sensitivity*.

The blocks of a short run tell a slope with an error of 0.1 to 0.2, and where the core was at half its speed
that error would move the level of all costs by a tenth, in each run another way. A core at half its speed
needs twice the time: so 1 is expected, and what the blocks say is weighed against that (`_weighed`). Where
they say clearly that costs follow less, or not at all, that holds.

There are two slopes. The yardsticks of a whole block, of samples that were taken together, tell well how fast
the machine was in that time: costs follow their mean. By how much one sample of the block had it better than
another they tell less well, as the slices of all alternate and little is left to tell: costs follow that part
with a slope of its own, and ratios within a block are not blurred by the yardstick's noise. A sample that was
taken alone is a block of one.

Rules
- Nothing is left out, and all samples of a run are treated by the same figures, whichever subject they are
  of. Where the yardstick clearly says nothing about the costs the slopes are nothing, and so is the
  correction.
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
EXPECTED = 0.8
"""How probable it is, before the blocks are asked, that costs follow the yardstick one to one, within
`EXPECTED_SPREAD`. Otherwise any slope from 0 to 1 is as likely as another."""
EXPECTED_SPREAD = 0.03
FEWEST_REPEATS = 20
"""Samples beyond the first of each cell that are needed before a slope is believed."""


@dataclass(frozen=True)
class CoreSpeed:
    """What a run tells of its measured core."""

    full_ns: float | None
    """The yardstick's work at full speed, in nanoseconds; None where it was never laid on."""
    sensitivity: float = 0.0
    """0 to 1: to which power of the core's slowness in a block the costs in it grow."""
    within: float = 0.0
    """0 to 1: the same for what a sample had slower than its block."""
    blocks: Mapping[int, float] = field(default_factory=dict)
    """The mean logarithm of the slowness in each; a sample taken alone, in none, stands for itself."""
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
        felt = self.sensitivity * of_block + self.within * (slowness - of_block)
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
    return CoreSpeed(full_ns, *_sensitivities(rows), blocks, full_exchange_ns, is_told=True)


def _full(readings: Iterable[int]) -> float | None:
    known = [reading for reading in readings if reading > 0]
    return float(np.quantile(known, FULL_SPEED_SHARE)) if known else None


def _rows(speed: CoreSpeed, samples: Sequence[Sample]) -> pd.DataFrame:
    """Block, slowness and cost, the latter two as logarithms, of the samples that have both.

    Who was taken alone is a block of one, with a number below 0.
    """
    names = ["scenario", "subject", "block", "slowness", "cost"]
    found = (
        (
            sample.scenario,
            sample.subject,
            -1 - place if sample.block is None else sample.block,
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
    blocks = off.groupby(rows["block"])
    told = len(blocks) - rows["scenario"].nunique()
    return _weighed(blocks.mean(), blocks.size(), told), _slope(off - blocks.transform("mean"))


def _weighed(blocks: pd.DataFrame, sizes: pd.Series, told: int) -> float:
    """The slope of the means of ``blocks``, of so many samples each, weighed against what is to be expected.

    The mean of the posterior over the slopes from 0 to 1. ``told``: how many blocks there are beyond the
    first of each scenario.
    """
    slowness, cost, size = (each.to_numpy(float) for each in (blocks["slowness"], blocks["cost"], sizes))
    spread = float(size @ slowness**2)
    if spread <= 0 or told < 1:
        return 0.0
    slope = float(size @ (slowness * cost)) / spread
    variance = float(size @ (cost - slope * slowness) ** 2) / told / spread
    slopes = np.linspace(0.0, 1.0, 1001)
    near_one = np.exp(-0.5 * ((slopes - 1) / EXPECTED_SPREAD) ** 2)
    expected = 1 - EXPECTED + EXPECTED * near_one / near_one.mean()
    misfit = 0.5 * (slopes - slope) ** 2 / max(variance, 1e-9)
    likely = expected * np.exp(misfit.min() - misfit)
    return float(slopes @ likely / likely.sum())


def _slope(points: pd.DataFrame) -> float:
    slowness, cost = points["slowness"].to_numpy(), points["cost"].to_numpy()
    spread = float(slowness @ slowness)
    return min(1.0, max(0.0, float(slowness @ cost) / spread)) if spread > 0 else 0.0
