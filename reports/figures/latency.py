"""Latency percentiles, with throughput beside them: what the client saw."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.analysis.cells import LATENCIES, Cell
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.figures.heat_map import left_out, thin
from reports.figures.style import (
    INK,
    MUTED,
    PAPER,
    Picture,
    colour,
    few_ticks,
    finish,
    log_ticks,
    sheet,
    shorten,
    wrapped,
)
from reports.pages.phrases import number, plural
from reports.pages.trust import latency_noise_note

PANELS_AT_MOST = 6
LEAST_IN = 1.7
"""A panel's height at least: of few rows, a title of two lines and the axis leave less than nothing."""
SHAPES = {"p50": "o", "p90": "|", "p99": "s", "p999": "^"}
PERCENTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9"}


def draw(judgement: Judgement) -> list[Picture]:
    """One picture, two panels a scenario, or one where no throughput is a result; none when no workload takes
    latencies."""
    judged = [each for each in judgement.scenarios if any(cell.latency_us for cell in each.cells.values())]
    if not judged:
        return []
    shown = thin(judged, PANELS_AT_MOST)
    lines = max(sum(bool(cell.latency_us) for cell in each.cells.values()) for each in shown)
    grid = {"sharey": "row"} | ({} if _all_paced(shown) else {"width_ratios": [3, 1.5]})
    columns = 1 if _all_paced(shown) else 2
    height_in = len(shown) * max(LEAST_IN, 0.8 + 0.22 * lines)
    with sheet(height_in, len(shown), columns, **grid) as (figure, panels):
        for index, each in enumerate(shown):
            _latencies(panels[columns * index], each)
            if columns == 2:
                _throughputs(panels[columns * index + 1], each)
        _key(figure)
        return [finish(figure, "latency", *_words(shown, judged), latency_noise_note(judgement, shown))]


def _words(shown: list[ScenarioJudgement], judged: list[ScenarioJudgement]) -> tuple[str, str, str]:
    closed = (
        "Where clients take round trips, the load is closed-loop: a client that waits sends nothing, so "
        "these percentiles leave out the waiting that an open stream of arrivals would have met (coordinated "
        "omission)."
    )
    opened = "Where requests were offered at a rate, waiting to be sent counts."
    is_open = any(each.scenario.load == "open" for each in shown)
    right = " Right: throughput, where neither workload nor load keeps a pace of its own; longer is more."
    caption = (
        f"{'Latencies' if _all_paced(shown) else 'Left: latencies'}, medians over the rounds; the line runs "
        f"from p50 to p99.9, further left is sooner.{'' if _all_paced(shown) else right} Each panel has an "
        f"axis of its own. {opened if is_open else closed} Hollow: the load process was the limit in most "
        "samples, so the figure says little about the server."
    )
    caption += left_out(shown, judged)
    what = "Latency percentiles" + ("" if _all_paced(shown) else " and throughput")
    alt = f"{what}. {' '.join(map(_soonest, shown))} The tables hold all numbers."
    return "Latency and throughput", caption, alt


def _soonest(judged: ScenarioJudgement) -> str:
    """The lowest p99 of a scenario, for those who cannot see the marks."""
    tails = [
        (cell.latency_us["p99"], name) for name, cell in judged.cells.items() if "p99" in cell.latency_us
    ]
    return (
        f"{judged.scenario.title}: lowest p99 {number(min(tails)[0])} µs, {min(tails)[1]}." if tails else ""
    )


def _all_paced(shown: list[ScenarioJudgement]) -> bool:
    """Nothing shown has a throughput of its own."""
    return all(each.scenario.paced for each in shown)


def _soonest_first(judged: ScenarioJudgement) -> list[Cell]:
    cells = [cell for cell in judged.cells.values() if cell.latency_us]
    return sorted(cells, key=lambda cell: cell.latency_us["p50"])


def _latencies(latency: Axes, judged: ScenarioJudgement) -> None:
    cells = _soonest_first(judged)
    for y, cell in enumerate(cells):
        _latency_line(latency, y, cell)
    latency.set_xscale("log")
    log_ticks(latency, "x")
    _set_log_ticks(latency)
    latency.set_yticks(range(len(cells)), [shorten(cell.subject.name) for cell in cells])
    latency.set_ylim(len(cells) - 0.4, -0.6)
    latency.set_title(wrapped(judged.scenario.title, 50))
    latency.set_xlabel(f"{judged.scenario.latency}, µs (logarithmic)")
    _only_across(latency)


def _throughputs(throughput: Axes, judged: ScenarioJudgement) -> None:
    for y, cell in enumerate(_soonest_first(judged)):
        if cell.throughput:
            hue = colour(cell.subject)
            face = "none" if _limited(cell) else hue
            throughput.barh(y, cell.throughput.value / 1e3, 0.5, color=face, edgecolor=hue, linewidth=0.8)
    throughput.set_xlim(left=0)
    few_ticks(throughput)
    throughput.set_xlabel(f"{plural(judged.scenario.unit)} per second, thousands")
    throughput.set_visible(not judged.scenario.paced)
    throughput.tick_params(labelleft=False)
    _only_across(throughput)


def _only_across(axes: Axes) -> None:
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def _limited(cell: Cell) -> bool:
    return 2 * cell.client_limited > len(cell.costs)


def _latency_line(axes: Axes, y: int, cell: Cell) -> None:
    hue = colour(cell.subject)
    values = [cell.latency_us[name] for name in LATENCIES if name in cell.latency_us]
    axes.plot([values[0], values[-1]], [y, y], color=hue, linewidth=1, alpha=0.6)
    for name in LATENCIES:
        if name in cell.latency_us:
            face = PAPER if _limited(cell) else hue
            style = {"color": hue, "markerfacecolor": face, "markersize": 8 if name == "p90" else 5}
            axes.plot(cell.latency_us[name], y, SHAPES[name], **style)


def _set_log_ticks(axes: Axes) -> None:
    low, high = axes.get_xlim()
    steps = (1, 2, 5) if high / low < 200 else (1,)
    ticks = [step * 10.0**power for power in range(-3, 10) for step in steps]
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.set_xlim(low, high)


def _key(figure: Figure) -> None:
    """The shapes, explained once, above all panels."""
    marks = [Line2D([], [], linestyle="", marker=SHAPES[name], color=MUTED) for name in PERCENTILES]
    figure.legend(
        marks,
        PERCENTILES.values(),
        loc="outside upper left",
        ncols=4,
        frameon=False,
        fontsize=7.5,
        labelcolor=INK,
        handletextpad=0.1,
        columnspacing=1.0,
    )
