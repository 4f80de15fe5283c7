"""How precise the results of a run are so far: its widest interval.

Rule: what is asked is how wide an interval is, as a share of its ratio, never where it lies; a rule for
stopping that looked at the verdicts would favour one. Only intervals that hold what they promise count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.results import RunRecord, Sample
from reports.analysis.cells import paired
from reports.analysis.estimate import FIRM_ROUNDS, median_estimate, ratios
from reports.analysis.tidy import counted, tidy


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
    control = record.control.name if record.control else ""
    rows = counted(tidy(record, samples).frame)
    costs = {scenario.id: paired(rows, scenario.id) for scenario in record.scenarios}
    found = [
        Widest(estimate.width, subject, scenario)
        for scenario, by_subject in costs.items()
        if control in by_subject
        for subject, values in by_subject.items()
        if subject != control
        and (estimate := median_estimate(ratios(values, by_subject[control])))
        and estimate.rounds >= FIRM_ROUNDS
    ]
    return max(found, key=lambda each: each.width, default=None)
