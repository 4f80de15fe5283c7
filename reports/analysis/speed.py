"""How fast the measured core was, and what the CPU time would have been at its full speed.

A second of CPU time is worth less while the clock is low or a neighbour uses the other half of the core. The
yardstick, laid on before, between and after the slices of a window, says how much less: the time of the same
work, at full speed and then. Each slice's CPU time is multiplied by the share of its full speed that the core
had. Nothing is left out, and no figure decides about itself: the yardstick knows nothing of the subject.

Rule: the full speed is the run's own, so that figures of one run are comparable with one another, and with
those of another run on the same machine as far as it reached its full speed in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from lab.results import Sample

FULL_SPEED_SHARE = 0.10
"""The share of all yardsticks of a run that are as fast as full speed or faster. Not the fastest one: a lucky
reading must not move every figure."""


def full_speed_ns(samples: Iterable[Sample]) -> float | None:
    """The yardstick at the core's full speed, in nanoseconds; None where no sample has any."""
    readings = [reading for sample in samples for reading in sample.yardstick_ns if reading > 0]
    return float(np.quantile(readings, FULL_SPEED_SHARE)) if readings else None


def core_speeds(sample: Sample, full_ns: float | None) -> tuple[float, ...]:
    """The core's speed in each slice as a share of its full speed; a little above 1 where it was faster.

    The speed of a slice is that of the yardsticks on its two sides. Empty where it is not known.
    """
    known = full_ns is not None and len(sample.yardstick_ns) == len(sample.slice_cpu_s) + 1
    if not known or min(sample.yardstick_ns, default=0) <= 0:
        return ()
    return tuple(2 * full_ns / (before + after) for before, after in pairwise(sample.yardstick_ns))


def cpu_s_at_full_speed(sample: Sample, full_ns: float | None) -> float:
    """The server's CPU seconds over the window at full speed; as measured where the speed is not known."""
    speeds = core_speeds(sample, full_ns)
    if not speeds:
        return sample.cpu_s
    return sum(cpu_s * speed for cpu_s, speed in zip(sample.slice_cpu_s, speeds, strict=True))


def cost_us(sample: Sample, full_ns: float | None) -> float:
    """That per operation, in microseconds: the figure that leads. NaN when nothing was completed."""
    return (
        cpu_s_at_full_speed(sample, full_ns) / sample.operations * 1e6 if sample.operations else float("nan")
    )


def mean_speed(sample: Sample, full_ns: float | None) -> float:
    """The core's speed over the whole window, as a share of its full speed; NaN where it is not known."""
    known = core_speeds(sample, full_ns) and sample.cpu_s
    return cpu_s_at_full_speed(sample, full_ns) / sample.cpu_s if known else float("nan")
