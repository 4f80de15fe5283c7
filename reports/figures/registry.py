"""Every figure of a report, in the order of the page: one file a figure, one line here."""

from __future__ import annotations

from collections.abc import Callable

from reports.analysis.judgement import Judgement
from reports.figures import cpu_per_operation, heat_map, latency, machine_speed, offered_load, scaling_curve
from reports.figures.style import Picture

FIGURES: dict[str, Callable[[Judgement], list[Picture]]] = {
    "heat map": heat_map.draw,
    "CPU per operation": cpu_per_operation.draw,
    "scaling": scaling_curve.draw,
    "latency": latency.draw,
    "offered load": offered_load.draw,
    "machine speed": machine_speed.draw,
}
"""Section of the page -> what draws its pictures; a section without data draws none."""


def draw_all(judgement: Judgement) -> dict[str, list[Picture]]:
    """The pictures of every section."""
    return {section: draw(judgement) for section, draw in FIGURES.items()}
