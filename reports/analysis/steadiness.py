"""How steady the machine was: the measured core's speed in every slice of a run, against the time.

Rule: every slice whose speed is known is in it, of warm-ups and of failed samples too: it is the machine that
is looked at, not a subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from lab.results import Sample
from reports.analysis.estimate import Values
from reports.analysis.speed import CoreSpeed

SLOW = 0.75
"""Below this share of its full speed the core counts as slowed. Full speed is that of the best moments, with
all the code in the caches; an undisturbed core mostly has 0.8 to 0.9 of it."""
BREAK_S = 120.0
"""Samples that begin further apart belong to different parts of a run; the time in between is left out."""


@dataclass(frozen=True)
class Steadiness:
    """The slices of a run in the order in which they were measured."""

    minutes: Values
    """From the start of the run's first sample."""
    speeds: Values
    """Shares of the core's full speed; a little above 1 where it was faster."""
    rounds: dict[int, float]
    """The minute at which each round began, warm-ups left out."""
    sensitivity: float | None
    """To which power of the core's slowness costs grew, 0 to 1; None: too few samples to tell."""

    @property
    def slow(self) -> float:
        """The share of the slices in which the core ran below ``SLOW``."""
        return float(np.mean(self.speeds < SLOW))

    @property
    def slowest_twentieth(self) -> float:
        """The speed that one slice of twenty does not exceed."""
        return float(np.quantile(self.speeds, 0.05))


def steadiness(samples: Sequence[Sample], core: CoreSpeed) -> Steadiness | None:
    """The speed of ``core`` over the run of ``samples``; None where none of them knows it."""
    minutes: list[float] = []
    speeds: list[float] = []
    rounds: dict[int, float] = {}
    for sample, start_s in zip(samples, _starts_s(samples), strict=True):
        if not sample.warmup:
            rounds[sample.round] = min(start_s / 60, rounds.get(sample.round, float("inf")))
        found = core.in_slices(sample)
        minutes += [(start_s + moment_s) / 60 for moment_s in _middles_s(sample, len(found))]
        speeds += found
    if not speeds:
        return None
    order = np.argsort(minutes, kind="stable")
    sensitivity = core.sensitivity if core.is_told else None
    return Steadiness(np.array(minutes)[order], np.array(speeds)[order], rounds, sensitivity)


def _middles_s(sample: Sample, slices: int) -> list[float]:
    """The middle of each slice, in seconds from the sample's beginning."""
    if not slices:
        return []
    each_s = sample.window_s / slices
    starts_s = sample.slice_starts_s or [sample.setup_s + each_s * number for number in range(slices)]
    return [start_s + each_s / 2 for start_s in starts_s]


def _starts_s(samples: Sequence[Sample]) -> list[float]:
    """When each sample began, in seconds from the first, without the breaks of a run that was resumed."""
    moments = [datetime.fromisoformat(each.started_at).timestamp() for each in samples]
    gaps = np.diff(moments, prepend=moments[:1])
    return [float(each) for each in np.cumsum(np.where(np.abs(gaps) > BREAK_S, 0.0, gaps))]
