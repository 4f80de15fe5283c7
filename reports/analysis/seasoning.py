"""What the allocator's state costs: each subject in a seasoned process against the same in a fresh one.

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

FRESH, SEASONED = "fresh", "seasoned"


@dataclass(frozen=True)
class SeasonedCell:
    """One subject in both states."""

    fresh: Cell
    seasoned: Cell
    compared: Comparison
    """Its cost in the seasoned process, over that in the fresh one."""


@dataclass(frozen=True)
class Seasoning:
    """One scenario in both states."""

    fresh: ScenarioRecord
    noise_floor: float
    cells: tuple[SeasonedCell, ...]
    """Of the subjects that were measured in both; the twin is left out."""


def seasonings(judgement: Judgement) -> list[Seasoning]:
    """Every scenario that was measured in both states, in the order of the plan."""
    seasoned = {each.scenario.id: each for each in judgement.scenarios if each.scenario.allocator == SEASONED}
    found = []
    for fresh in judgement.scenarios:
        other = next((each for each in seasoned.values() if _differ_in_state_only(fresh, each)), None)
        if other is not None and (pair := _seasoning(fresh, other)).cells:
            found.append(pair)
    return found


def _differ_in_state_only(fresh: ScenarioJudgement, seasoned: ScenarioJudgement) -> bool:
    same = dict(id="", title="", allocator=SEASONED)
    return fresh.scenario.allocator == FRESH and (
        dataclasses.replace(fresh.scenario, **same) == dataclasses.replace(seasoned.scenario, **same)
    )


def _seasoning(fresh: ScenarioJudgement, seasoned: ScenarioJudgement) -> Seasoning:
    noise_floor = max(fresh.noise_floor, seasoned.noise_floor)
    cells = [
        SeasonedCell(cell, other, _compare(cell, other, noise_floor))
        for name, cell in fresh.cells.items()
        if cell.subject.twin_of is None and cell.cost and (other := seasoned.cells[name]).cost
    ]
    return Seasoning(fresh.scenario, noise_floor, tuple(cells))


def _compare(fresh: Cell, seasoned: Cell, noise_floor: float) -> Comparison:
    before = dict(zip(fresh.rounds, fresh.costs, strict=True))
    after = dict(zip(seasoned.rounds, seasoned.costs, strict=True))
    ratios = [after[number] / before[number] for number in sorted(before.keys() & after.keys())]
    return compare(FRESH, np.array(ratios, dtype=float), noise_floor)
