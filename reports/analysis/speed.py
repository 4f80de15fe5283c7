"""How fast the measured core was, and what the CPU time would have been at its full speed.

A second of CPU time is worth less while the clock is low or a neighbour uses the other half of the core. The
yardstick, laid on before and after each slice of a window, says how fast the core was. How strongly
work follows it depends on the work: bytecode slows down as much as the yardstick does, copying inside the
kernel less. So the run itself tells by how much: where the same subject under the same scenario was measured
at different speeds, the slope of its cost against the speed, both as logarithms, over all of them together
(a *control variate*). Each cost is multiplied by its speed to the power of that slope, the *sensitivity*.

Rules
- Nothing is left out, and all samples of a run are treated by the same two figures, whichever subject they
  are of. Where the yardstick says nothing about the costs the slope is nothing, and so is the correction.
- The full speed is the run's own, so that figures of one run are comparable with one another, and with
  those of another run on the same machine as far as it reached its full speed in both.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lab.results import Sample

FULL_SPEED_SHARE = 0.10
"""The share of all yardsticks of a run that are as fast as full speed or faster. Not the fastest one: a lucky
reading must not move every figure."""
FEWEST_REPEATS = 20
"""Samples beyond the first of each cell that are needed before a slope is believed."""


@dataclass(frozen=True)
class CoreSpeed:
    """What a run tells of its measured core."""

    full_ns: float | None
    """The yardstick at full speed, in nanoseconds; None where it was never laid on."""
    sensitivity: float = 0.0
    """0 to 1: to which power of the core's slowness costs grow."""

    def in_slices(self, sample: Sample) -> tuple[float, ...]:
        """The speed in each slice as a share of full speed, a little above 1 where it was faster.

        That of a slice is that of the yardsticks on its two sides. Empty where it is not known.
        """
        sides = _sides(sample)
        if self.full_ns is None or min(sample.yardstick_ns, default=0) <= 0:
            return ()
        return tuple(2 * self.full_ns / (before + after) for before, after in sides)

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
        speed = self.of(sample)
        known = math.isfinite(speed) and speed > 0
        return sample.cpu_us_per_operation * (speed**self.sensitivity if known else 1.0)


def _sides(sample: Sample) -> list[tuple[int, int]]:
    """The yardsticks before and after each slice. In runs whose samples were taken one at a time, two slices
    share the one between them. Empty where they do not fit."""
    readings, slices = sample.yardstick_ns, len(sample.slice_cpu_s)
    if len(readings) == 2 * slices:
        return list(zip(readings[::2], readings[1::2], strict=True))
    return list(pairwise(readings)) if len(readings) == slices + 1 else []


def core_speed(samples: Sequence[Sample]) -> CoreSpeed:
    """What ``samples``, all of a run, tell of its core."""
    readings = [reading for sample in samples for reading in sample.yardstick_ns if reading > 0]
    if not readings:
        return CoreSpeed(None)
    speed = CoreSpeed(float(np.quantile(readings, FULL_SPEED_SHARE)))
    return CoreSpeed(speed.full_ns, _sensitivity(speed, samples))


def _sensitivity(speed: CoreSpeed, samples: Iterable[Sample]) -> float:
    """The slope of log cost against log slowness, within cells; 0 where there is too little to tell it by."""
    cells: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        at, cost = speed.of(sample), sample.cpu_us_per_operation
        if sample.status == "ok" and not sample.warmup and at > 0 and cost > 0:
            cells[sample.scenario, sample.subject].append((-math.log(at), math.log(cost)))
    off = [np.array(points) - np.mean(points, axis=0) for points in cells.values()]
    if sum(len(points) - 1 for points in off) < FEWEST_REPEATS:
        return 0.0
    slowness, cost = np.concatenate(off).T
    spread = float(slowness @ slowness)
    return min(1.0, max(0.0, float(slowness @ cost) / spread)) if spread > 0 else 0.0
