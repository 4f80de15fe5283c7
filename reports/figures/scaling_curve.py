"""The scaling curve: cost against the number of descriptors, on log axes; where a subject ends is drawn."""

from __future__ import annotations

from matplotlib.axes import Axes

from reports.analysis.judgement import Judgement
from reports.analysis.scaling import Curve, Scaling, scalings
from reports.figures.style import INK, MUTED, PAPER, Picture, colour, finish, log_ticks, sheet, shorten
from reports.pages.phrases import level
from reports.pages.trust import noise_note

FAMILIES_AT_MOST = 6
LABEL_WIDTH = 0.08
"""Share of the axis that a number needs."""
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 3)))
MARKERS = "os^DvPX<>*"


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
        _ends(axes, drawn)
        _labels(axes, drawn, max(family.values))
        _frame(axes, family)
        interval = f"{level(judgement.run.record.rounds)} interval"
        caption = (
            f"Median server CPU per {family.unit} with its {interval} against {family.axis}, both axes "
            "logarithmic. A level line costs the same however many descriptors are watched; a rising one "
            "pays for each. Points of one value stand side by side. "
            + " ".join(_end(curve) for curve in drawn)
        )
        alt = f"Line chart of cost against {family.axis}. " + " ".join(_growth(curve) for curve in drawn)
        title = f"How the cost grows: {family.workload}"
        return finish(figure, f"scaling-{number}", title, caption.strip(), alt.strip(), noise_note(judgement))


def _end(curve: Curve) -> str:
    return f"{curve.subject.name} ends at the cross: {curve.ends[1]}." if curve.ends else ""


def _growth(curve: Curve) -> str:
    if curve.growth is None:
        return ""
    return f"{curve.subject.name} grows {curve.growth:.2f} times to {curve.points[-1][0]:,}."


def _line(axes: Axes, curve: Curve, index: int) -> None:
    aside = 1 + 0.006 * (index - 4)  # points of one axis value stand side by side, intervals too
    x = [value * aside for value, _ in curve.points]
    y = [cost.value for _, cost in curve.points]
    hue, dash = colour(curve.subject), DASHES[index % len(DASHES)]
    shape = MARKERS[index % len(MARKERS)]
    axes.plot(x, y, color=hue, linestyle=dash, linewidth=1.3)
    axes.plot(x, y, shape, color=hue, markersize=5, markeredgecolor=PAPER, markeredgewidth=0.6)
    for place, (_, cost) in zip(x, curve.points, strict=True):
        if cost.has_interval:
            axes.plot([place, place], [cost.low, cost.high], color=hue, linewidth=0.9, alpha=0.6)
    if curve.ends:
        axes.plot(x[-1], y[-1], "x", color=INK, markersize=10, markeredgewidth=1.4, zorder=5)


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
    ratio = high / low
    step = ratio ** (1 / 24)
    height = 0.0
    for curve in ending:
        value = curve.points[-1][1].value
        height = max(value, height * step)
        axes.annotate(
            shorten(curve.subject.name),
            (last, value),
            (1.03, height),
            xycoords="data",
            textcoords=axes.get_yaxis_transform(),
            fontsize=8,
            color=colour(curve.subject),
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 4},
        )


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
    axes.set_xlabel(shorten(f"{family.axis} (logarithmic)", 60))
    axes.set_ylabel(f"server CPU per {family.unit}, µs")
    fixed = ", ".join(f"{name} {value:,}" for name, value in family.fixed.items())
    axes.set_title(shorten(family.workload + (f" ({fixed})" if fixed else ""), 80))
