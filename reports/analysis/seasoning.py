"""What the allocator's state costs: each subject in a fresh process against the same in a seasoned one.

Rule: only scenarios that differ in that state alone are compared, paired by round as everywhere. Within a
round the two stand minutes apart, so what `compare` asks for beyond an interval matters all the more.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from lab.results import ScenarioRecord
from reports.analysis.cells import Cell
from reports.analysis.comparison import Comparison, compare
from reports.analysis.judgement import Judgement, ScenarioJudgement

SEASONED, FRESH = "seasoned", "fresh"


@dataclass(frozen=True)
class SeasonedCell:
    """One subject in both states."""

    seasoned: Cell
    fresh: Cell
    compared: Comparison
    """Its cost in the fresh process, over that in the seasoned one."""


@dataclass(frozen=True)
class Seasoning:
    """One scenario in both states."""

    scenario: ScenarioRecord
    """The one of the two whose title leaves the state unsaid."""
    noise_floor: float
    cells: tuple[SeasonedCell, ...]
    """Of the subjects that were measured in both; the twin is left out."""


def seasonings(judgement: Judgement) -> list[Seasoning]:
    """Every scenario that was measured in both states, in the order of the plan."""
    fresh = [each for each in judgement.scenarios if each.scenario.allocator == FRESH]
    found = []
    for seasoned in judgement.scenarios:
        other = next((each for each in fresh if _differ_in_state_only(seasoned, each)), None)
        if other is not None and (pair := _seasoning(seasoned, other)).cells:
            found.append(pair)
    return found


def _differ_in_state_only(seasoned: ScenarioJudgement, fresh: ScenarioJudgement) -> bool:
    same = dict(id="", title="", allocator=FRESH)
    return seasoned.scenario.allocator == SEASONED and (
        dataclasses.replace(seasoned.scenario, **same) == dataclasses.replace(fresh.scenario, **same)
    )


def _seasoning(seasoned: ScenarioJudgement, fresh: ScenarioJudgement) -> Seasoning:
    noise_floor = max(seasoned.noise_floor, fresh.noise_floor)
    cells = [
        SeasonedCell(cell, other, _compare(cell, other, noise_floor))
        for name, cell in seasoned.cells.items()
        if cell.subject.twin_of is None and cell.cost and (other := fresh.cells[name]).cost
    ]
    unsaid = min(seasoned.scenario, fresh.scenario, key=lambda each: len(each.title))
    return Seasoning(unsaid, noise_floor, tuple(cells))


def _compare(seasoned: Cell, fresh: Cell, noise_floor: float) -> Comparison:
    before = dict(zip(fresh.rounds, fresh.costs, strict=True))
    after = dict(zip(seasoned.rounds, seasoned.costs, strict=True))
    ratios = [before[number] / after[number] for number in sorted(before.keys() & after.keys())]
    return compare(SEASONED, np.array(ratios, dtype=float), noise_floor)
