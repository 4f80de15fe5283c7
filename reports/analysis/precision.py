"""How precise the results of a run are so far: its widest interval.

Rule: what is asked is how wide an interval is, as a share of its ratio, never where it lies; a rule for
stopping that looked at the verdicts would favour one. Only intervals that hold what they promise count.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.results import RunRecord, Sample
from reports.analysis.estimate import FIRM_ROUNDS, Values, median_estimate, ratios
from reports.analysis.speed import core_speed
from reports.analysis.tidy import exclusion


@dataclass(frozen=True)
class Widest:
    """The widest interval of a ratio to the control."""

    width: float
    """From its low to its high end, as a share of the ratio."""
    subject: str
    scenario: str


def widest_interval(record: RunRecord, samples: Sequence[Sample]) -> Widest | None:
    """The widest interval of all subjects, the twin included, in all scenarios.

    None as long as no ratio has ``FIRM_ROUNDS`` rounds. Once some have, those that have fewer do not count:
    they failed, and more rounds would not mend them.
    """
    costs: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    speed = core_speed(samples)
    for sample in samples:
        if exclusion(sample) is None:
            costs[sample.scenario, sample.subject][sample.round] = speed.cost_us(sample)
    control = record.control.name if record.control else ""
    found = [
        Widest(estimate.width, subject, scenario)
        for (scenario, subject), rounds in costs.items()
        if subject != control
        and (estimate := median_estimate(_ratios(rounds, costs.get((scenario, control), {}))))
        and estimate.rounds >= FIRM_ROUNDS
    ]
    return max(found, key=lambda each: each.width, default=None)


def _ratios(rounds: dict[int, float], control: dict[int, float]) -> Values:
    """The ratio in each round that both have."""
    return ratios(np.array(list(rounds.values())), np.array([control.get(each, math.nan) for each in rounds]))
