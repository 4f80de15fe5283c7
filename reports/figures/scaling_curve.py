"""The scaling curve: cost against the number of descriptors, on log axes; where a subject ends is drawn."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from reports.analysis.judgement import Judgement
from reports.analysis.scaling import Curve, Scaling, scalings
from reports.figures.style import (
    INK,
    MUTED,
    PAPER,
    Picture,
    colour,
    finish,
    log_ticks,
    marker,
    sheet,
    shorten,
)
from reports.pages.growth import axis_name
from reports.pages.phrases import apart, brief, level
from reports.pages.trust import noise_note

FAMILIES_AT_MOST = 6
LABELS_AT_MOST = 24
"""Names that find room one above the other."""
LABEL_WIDTH = 0.08
"""Share of the axis that a number needs."""
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 3)))
HEAD_ROOM, FOOT_ROOM = 1.25, 1.5
"""Factors by which the cost axis goes on above and below the data: for the measure of noise, and for names of
those that end."""


def draw(judgement: Judgement) -> list[Picture]:
    """One picture a family of scenarios that differ along their axis only."""
    families = [family for family in scalings(judgement) if any(curve.points for curve in family.curves)]
    return [
        _picture(family, number, judgement) for number, family in enumerate(families[:FAMILIES_AT_MOST], 1)
    ]


def _picture(family: Scaling, number: int, judgement: Judgement) -> Picture:
    with sheet(4.1) as (figure, [axes]):
        drawn = [curve for curve in family.curves if curve.points]
        axes.set_xscale("symlog" if min(family.values) <= 0 else "log")
        axes.set_yscale("log")
        for index, curve in enumerate(drawn):
            _line(axes, curve, index)
        _rooms(axes, family, any(curve.ends for curve in drawn))
        _ends(axes, drawn)
        _labels(axes, drawn, max(family.values))
        _frame(axes, family)
        interval = f" with its {level(judgement.rounds)} interval" if judgement.rounds > 1 else ""
        caption = _caption(family, drawn, interval)
        alt = f"Line chart of cost against {axis_name(family.axis)}. {' '.join(map(_growth, drawn))}"
        title = f"How the cost grows: {family.workload}"
        note = noise_note(judgement, [family.noise_floor])
        return finish(figure, f"scaling-{number}", title, caption, alt.strip(), note)


def _caption(family: Scaling, drawn: list[Curve], interval: str) -> str:
    said = (
        f"Median server CPU per {family.unit}{interval}, against the number of "
        f"{axis_name(family.axis)}; both axes are logarithmic. A level line costs the same however many "
        "descriptors are watched; a rising one pays for each. The bar at the upper left is as tall as the "
        "noise floor. Points of one value stand side by side."
    )
    return " ".join([said, *filter(None, map(_end, drawn))])


def _end(curve: Curve) -> str:
    return f"{curve.subject.name} ends at the cross: {curve.ends[1]}." if curve.ends else ""


def _growth(curve: Curve) -> str:
    """First and last point, for those who cannot see the line."""
    ends = dict.fromkeys((curve.points[0], curve.points[-1]))
    said = ", ".join(f"{brief(cost.value)} µs at {value:,}" for value, cost in ends)
    return f"{curve.subject.name}: {said}" + (f", {curve.growth:.2f} times." if curve.growth else ".")


def _line(axes: Axes, curve: Curve, index: int) -> None:
    aside = 1 + 0.006 * (index - 4)  # points of one axis value stand side by side, intervals too
    x = [value * aside for value, _ in curve.points]
    y = [cost.value for _, cost in curve.points]
    hue, dash = colour(curve.subject), DASHES[index % len(DASHES)]
    shape = marker(curve.subject)
    edge = {"markeredgewidth": 1.4} if shape == "|" else {"markeredgecolor": PAPER, "markeredgewidth": 0.6}
    axes.plot(x, y, color=hue, linestyle=dash, linewidth=1.3)
    axes.plot(x, y, shape, color=hue, markersize=7 if shape == "|" else 5, **edge)
    for place, (_, cost) in zip(x, curve.points, strict=True):
        if cost.has_interval:
            axes.plot([place, place], [cost.low, cost.high], color=hue, linewidth=0.9, alpha=0.6)
    if curve.ends:
        axes.plot(x[-1], y[-1], "x", color=INK, markersize=10, markeredgewidth=1.4, zorder=5)


def _rooms(axes: Axes, family: Scaling, with_names: bool) -> None:
    """Room above the data for the noise floor, drawn as tall as it is on this axis, and below for names."""
    low, high = axes.get_ylim()
    noise = 1 + family.noise_floor
    top = high * noise * HEAD_ROOM
    axes.set_ylim(low / FOOT_ROOM if with_names else low, top)
    across = axes.get_yaxis_transform()
    ends = [top / noise**0.02, top / noise**1.02]
    axes.plot([0.02, 0.02], ends, color=MUTED, linewidth=3, transform=across, solid_capstyle="butt")
    place = (0.02, (ends[0] * ends[1]) ** 0.5)
    label = f"noise floor, {apart(family.noise_floor)}"
    axes.annotate(
        label,
        place,
        (7, 0),
        xycoords=across,
        textcoords="offset points",
        va="center",
        color=MUTED,
        fontsize=7.5,
    )


def _ends(axes: Axes, curves: list[Curve]) -> None:
    """Who ends where, at the foot of the drawing, with a line up to the cross."""
    ending = [curve for curve in curves if curve.ends]
    for last in sorted({curve.points[-1][0] for curve in ending}):
        here = [curve for curve in ending if curve.points[-1][0] == last]
        names = ", ".join(shorten(curve.subject.name) for curve in here)
        axes.annotate(
            f" {names} {'end' if len(here) > 1 else 'ends'}",
            (last, max(curve.points[-1][1].value for curve in here)),
            (last, 0.02),
            textcoords=axes.get_xaxis_transform(),
            fontsize=7.5,
            color=INK,
            arrowprops={
                "arrowstyle": "-",
                "color": INK,
                "linewidth": 0.6,
                "linestyle": ":",
                "relpos": (0, 0),
            },
        )


def _labels(axes: Axes, curves: list[Curve], last: int) -> None:
    """Names at the right ends, pushed apart so that they can be read."""
    ending = sorted((c for c in curves if c.points[-1][0] == last), key=lambda c: c.points[-1][1].value)
    low, high = axes.get_ylim()
    values = [curve.points[-1][1].value for curve in ending]
    heights = pushed_apart([math.log(value) for value in values], math.log(high / low) / LABELS_AT_MOST)
    for curve, value, height in zip(ending, values, heights, strict=True):
        axes.annotate(
            shorten(curve.subject.name),
            (last, value),
            (1.03, math.exp(height)),
            xycoords="data",
            textcoords=axes.get_yaxis_transform(),
            fontsize=8,
            color=colour(curve.subject),
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 4},
        )


def pushed_apart(places: list[float], step: float) -> list[float]:
    """Ascending ``places`` with at least ``step`` between neighbours, each group about where it was."""
    groups: list[list[float]] = []  # of each its members' places; it is drawn around their mean
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _reach(groups[-2], step)[1] + step > _reach(groups[-1], step)[0]:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_reach(group, step)[0] + step * index for group in groups for index in range(len(group))]


def _reach(group: list[float], step: float) -> tuple[float, float]:
    """Where a group of labels begins and ends."""
    half = step * (len(group) - 1) / 2
    middle = sum(group) / len(group)
    return middle - half, middle + half


def _spaced(axes: Axes, values: tuple[int, ...]) -> list[int]:
    """The values that can be written on the x axis without touching, the last one always."""
    places = axes.transAxes.inverted().transform(axes.transData.transform([(value, 1) for value in values]))
    kept = [len(values) - 1]
    for index in range(len(values) - 2, -1, -1):
        if places[kept[-1]][0] - places[index][0] >= LABEL_WIDTH:
            kept.append(index)
    return [values[index] for index in kept]


def _frame(axes: Axes, family: Scaling) -> None:
    axes.set_xticks(_spaced(axes, family.values))
    log_ticks(axes, "x")
    log_ticks(axes, "y")
    low, high = axes.get_ylim()
    ticks = [
        tick * 10**power for power in range(-3, 7) for tick in (1, 2, 5) if low <= tick * 10**power <= high
    ]
    axes.set_yticks(ticks)
    axes.grid(axis="y")
    axes.set_xlabel(shorten(f"{axis_name(family.axis)} (logarithmic)", 60))
    axes.set_ylabel(f"server CPU per {family.unit}, µs (logarithmic)")
    fixed = ", ".join(f"{name} {value:,}" for name, value in family.fixed.items())
    axes.set_title(shorten(family.workload + (f" ({fixed})" if fixed else ""), 80))
