"""How cost grows along a workload's axis (idle connections, pairs): one curve a subject.

Rule: a curve joins only scenarios that differ in the axis alone. Where a subject cannot run, the curve ends
and says why. Each curve carries the line through it: what is fixed, and what each descriptor adds.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.results import SubjectRecord
from reports.analysis.cells import Cell
from reports.analysis.estimate import Estimate
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.analysis.line import Line, fit


@dataclass(frozen=True)
class Curve:
    """One subject along the axis."""

    subject: SubjectRecord
    points: tuple[tuple[int, Estimate], ...]
    """Axis value and cost in microseconds per operation, ascending."""
    ends: tuple[int, str] | None
    """The first axis value beyond the last point that could not be measured, and why."""
    line: Line | None
    """Through the points; None with fewer than two."""

    @property
    def growth(self) -> float | None:
        """Cost at the last point over cost at the first; None with fewer than two points."""
        if len(self.points) < 2:
            return None
        return self.points[-1][1].value / self.points[0][1].value


@dataclass(frozen=True)
class Scaling:
    """The curves of one workload along one axis."""

    workload: str
    title: str
    unit: str
    axis: str
    allocator: str | None
    """Its state in all points; None: nobody knows."""
    fixed: dict[str, int]
    """The parameters that all points share, the offered rate among them where there is one."""
    values: tuple[int, ...]
    curves: tuple[Curve, ...]
    noise_floor: float
    """The widest of all points."""


def scalings(judgement: Judgement) -> list[Scaling]:
    """Every family of at least two scenarios that differ along their workload's axis only.

    The first family of each workload comes before any second one.
    """
    families: dict[tuple[object, ...], list[ScenarioJudgement]] = {}
    for each in judgement.scenarios:
        scenario = each.scenario
        if scenario.axis is not None and scenario.axis in scenario.parameters:
            fixed = tuple((k, v) for k, v in scenario.parameters.items() if k != scenario.axis)
            key = (scenario.workload, scenario.axis, scenario.rate_per_s, scenario.allocator, fixed)
            families.setdefault(key, []).append(each)
    return _first_of_each([_scaling(members) for members in families.values() if len(members) > 1])


def main_scalings(judgement: Judgement) -> list[Scaling]:
    """The first family of each workload, in the order of the plan."""
    first: dict[str, Scaling] = {}
    for family in scalings(judgement):
        first.setdefault(family.workload, family)
    return list(first.values())


def _first_of_each(families: list[Scaling]) -> list[Scaling]:
    """The same families, those that open a workload before all others."""
    opening = {family.workload: family for family in reversed(families)}
    return sorted(families, key=lambda family: family is not opening[family.workload])


def _scaling(members: list[ScenarioJudgement]) -> Scaling:
    axis = members[0].scenario.axis or ""
    members = sorted(members, key=lambda each: each.scenario.parameters[axis])
    first = members[0].scenario
    names = [name for name, cell in members[0].cells.items() if cell.subject.twin_of is None]
    noise_floor = max(each.noise_floor for each in members)
    cells = {name: [(m.scenario.parameters[axis], m.cells[name]) for m in members] for name in names}
    return Scaling(
        workload=first.workload,
        title=first.title.split(",")[0],
        unit=first.unit,
        axis=axis,
        allocator=first.allocator,
        fixed={name: value for name, value in first.parameters.items() if name != axis}
        | ({"offered/s": first.rate_per_s} if first.rate_per_s else {}),
        values=tuple(each.scenario.parameters[axis] for each in members),
        curves=tuple(_curve(row, noise_floor) for row in cells.values()),
        noise_floor=noise_floor,
    )


def _curve(row: list[tuple[int, Cell]], noise_floor: float) -> Curve:
    points = tuple((value, cell.cost) for value, cell in row if cell.cost)
    last = points[-1][0] if points else -1
    beyond = [(value, cell.missing) for value, cell in row if value > last and cell.missing]
    return Curve(row[0][1].subject, points, beyond[0] if beyond else None, fit(row, noise_floor))
