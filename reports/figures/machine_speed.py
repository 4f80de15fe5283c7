"""How steady the machine was: the measured core's speed in each slice, a dot a slice, over the run's time.

Rule: the dots have the colour of no kind of subject, since the speed is the machine's.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from reports.analysis.judgement import Judgement
from reports.analysis.steadiness import SLOW, Steadiness, steadiness
from reports.figures.style import INK, MUTED, RULE, Picture, finish, sheet
from reports.pages.steadiness import sentence

DOTS_AT_MOST = 1500
ROUNDS_AT_MOST = 15
"""Beyond this the numbers of the rounds would touch."""
AT_FULL_SPEED = "Costs are given at full speed."
AS_ACCOUNTED = "Costs stand as they were accounted: so few samples do not tell how they follow it."


def draw(judgement: Judgement) -> list[Picture]:
    """One picture, or none where the core's speed is not known."""
    found = steadiness(judgement.run.samples, judgement.core)
    if found is None:
        return []
    with sheet(2.6) as (figure, [axes]):
        _dots(axes, found)
        _rounds(axes, found)
        _frame(axes)
        alt = f"Dot plot of the core's speed over the run. {sentence(found)}"
        note = AT_FULL_SPEED if judgement.core.is_told else AS_ACCOUNTED
        return [finish(figure, "machine-speed", "How steady was the machine", _caption(found), alt, note)]


def _caption(found: Steadiness) -> str:
    said = (
        "The speed of the core that the server was bound to, by a fixed piece of work and, where there is a "
        "load, by messages between its core and this one, timed before and after each slice of the measured "
        "windows. Each dot is a slice. 100 % is full speed, which one of a thousand timings reaches; "
        f"the dashed line is {SLOW * 100:.0f} %. Far below it the clock was lower, or something else used "
        "the core or its caches."
    )
    if len(found.speeds) > DOTS_AT_MOST:
        said += f" {DOTS_AT_MOST:,} of {len(found.speeds):,} slices are drawn, evenly chosen."
    return said


def _dots(axes: Axes, found: Steadiness) -> None:
    count = len(found.speeds)
    shown = np.linspace(0, count - 1, min(count, DOTS_AT_MOST)).round().astype(int)
    style = {"color": INK, "alpha": 0.45, "markersize": 2.6, "markeredgewidth": 0}
    axes.plot(found.minutes[shown], found.speeds[shown] * 100, "o", **style)
    axes.axhline(100, color=MUTED, linewidth=0.8)
    axes.axhline(SLOW * 100, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))


def _rounds(axes: Axes, found: Steadiness) -> None:
    """A line where each round begins, with its number."""
    if len(found.rounds) > ROUNDS_AT_MOST:
        return
    first = min(found.rounds, default=0)
    for number, minute in found.rounds.items():
        axes.axvline(minute, color=RULE, linewidth=0.6, zorder=0)
        name = f"round {number + 1}" if number == first else f"{number + 1}"
        place = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points"}
        axes.annotate(name, (minute, 1.0), (2, 2), fontsize=7.5, color=MUTED, **place)


def _frame(axes: Axes) -> None:
    axes.set_ylim(0, max(110.0, axes.get_ylim()[1]))
    axes.set_xlim(0, axes.dataLim.x1 * 1.01)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.grid(axis="y")
    axes.set_xlabel("minutes since the run began")
    axes.set_ylabel("core speed, % of full speed")
