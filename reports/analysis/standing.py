"""Where one subject stands in a run, for a screen: a scenario of each workload, and how its cost grows."""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.cells import Cell
from reports.analysis.judgement import Judgement
from reports.analysis.scaling import Curve, Scaling, main_scalings


@dataclass(frozen=True)
class Standing:
    """What a run found about one subject; empty where it was not in the run."""

    cells: tuple[Cell, ...]
    """In the first scenario of each workload, in the order of the plan; some may lack a cost, and say why."""
    growths: tuple[tuple[Scaling, Curve], ...]
    """Of each workload along whose axis it was measured: at two points, or at one with the reason why not."""


def standing(judgement: Judgement, subject: str) -> Standing:
    """What the run says of ``subject``."""
    cells = [scenarios[0].cells.get(subject) for scenarios in judgement.workloads().values()]
    growths = [
        (scaling, curve)
        for scaling in main_scalings(judgement)
        for curve in scaling.curves
        if curve.subject.name == subject and curve.points and (curve.line or curve.ends)
    ]
    return Standing(tuple(cell for cell in cells if cell), tuple(growths))
