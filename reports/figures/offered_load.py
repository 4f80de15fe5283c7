"""Latency against offered load: one line a subject, level until it no longer keeps up; the knee is marked."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis.judgement import Judgement
from reports.analysis.knee import P99_BOUND_MS, LoadCurve, OfferedLoad, offered_loads
from reports.figures.scaling_curve import DASHES
from reports.figures.style import (
    INK,
    MUTED,
    PAPER,
    Picture,
    colour,
    few_ticks,
    finish,
    log_ticks,
    marker,
    sheet,
    shorten,
)
from reports.pages.knees import BOUND, ranged
from reports.pages.phrases import listed, plural
from reports.pages.trust import latency_noise_note

FAMILIES_AT_MOST = 6
PERCENTILES = {"p50": "p50_ms", "p99": "p99_ms"}


def draw(judgement: Judgement) -> list[Picture]:
    """One picture a scenario that was offered several rates, and answered at one of them."""
    loads = [each for each in offered_loads(judgement) if len(each.rates) > 1 and each.samples]
    return [_picture(each, number, judgement) for number, each in enumerate(loads[:FAMILIES_AT_MOST], 1)]


def _picture(load: OfferedLoad, number: int, judgement: Judgement) -> Picture:
    with sheet(4.1, 1, 2, sharey=True) as (figure, panels):
        for axes, (name, field) in zip(panels, PERCENTILES.items(), strict=True):
            for index, curve in enumerate(load.curves):
                _line(axes, curve, field, index)
            _frame(axes, name, load)
        panels[0].set_ylabel("intended send to reply, ms (logarithmic)")
        panels[1].axhline(P99_BOUND_MS, color=MUTED, linewidth=0.8, linestyle=":")
        _key(figure, panels[0])
        title = f"Latency against offered load: {load.title}"
        return finish(figure, f"load-{number}", title, *_words(load), _noise_note(load, judgement))


def _words(load: OfferedLoad) -> tuple[str, str]:
    caption = (
        "Medians over the rounds in which the load was not the limit, latency logarithmic, from the moment a "
        "request was due: so waiting for a server that does not keep up counts. All subjects were offered "
        "the same rates. A ring marks the knee: the highest rate of which everything was answered, with "
        f"{BOUND} (the dotted line); its interval stands in the table. Beyond it the queue grows for as "
        "long as the window lasts: it matters where a line turns up, not how high it goes. Hollow marks: the "
        "load was the limit in most samples. No mark: every sample failed, or none was taken."
    )
    knees = listed(f"{curve.subject.name} {ranged(curve)}" for curve in load.curves)
    alt = f"Line charts of p50 and p99 against the offered rate. Knees, {plural(load.unit)}/s: {knees}."
    return caption, alt


def _noise_note(load: OfferedLoad, judgement: Judgement) -> str:
    """What noise does below the control's knee; beyond it a queue grows, and its latency says nothing."""
    control = judgement.control
    knee = next((each.knee for each in load.curves if each.subject == control), None)
    shown = [
        each
        for each in judgement.scenarios
        if knee and load.offers(each.scenario) and (each.scenario.rate_per_s or 0) <= knee.rate_per_s
    ]
    return latency_noise_note(
        judgement, shown, f" at rates that {control.name} keeps up with" if control else ""
    )


def _line(axes: Axes, curve: LoadCurve, field: str, index: int) -> None:
    hue, shape = colour(curve.subject), marker(curve.subject)
    x = [point.rate_per_s / 1e3 for point in curve.points]
    y = [getattr(point, field) for point in curve.points]
    name = shorten(curve.subject.name)
    axes.plot(x, y, color=hue, linestyle=DASHES[index % len(DASHES)], linewidth=1.2, marker=shape, label=name)
    line = axes.lines[-1]
    line.set(markersize=4.5, markeredgecolor=hue, markeredgewidth=0.8)
    for place, value, point in zip(x, y, curve.points, strict=True):
        if point.limited:
            axes.plot(place, value, shape, color=hue, markerfacecolor=PAPER, markersize=4.5, zorder=3)
        if point is curve.knee:
            axes.plot(place, value, "o", color=INK, markerfacecolor="none", markersize=10, zorder=4)


def _frame(axes: Axes, name: str, load: OfferedLoad) -> None:
    axes.set_yscale("log")
    log_ticks(axes, "y")
    low, high = axes.get_ylim()
    steps = (1, 2, 5) if high / low < 100 else (1,)
    ticks = [step * 10.0**power for power in range(-3, 5) for step in steps]
    axes.set_yticks([tick for tick in ticks if low <= tick <= high])
    few_ticks(axes)
    axes.set_xlim(left=0)
    axes.grid(axis="y")
    axes.set_title(name)
    axes.set_xlabel(f"offered {plural(load.unit)} per second, thousands")


def _key(figure: Figure, axes: Axes) -> None:
    """The lines, explained once, above both panels."""
    marks, names = axes.get_legend_handles_labels()
    place = {"loc": "outside upper left", "ncols": 5, "frameon": False, "fontsize": 7.5}
    figure.legend(marks, names, labelcolor=INK, columnspacing=1.2, handlelength=3, **place)
