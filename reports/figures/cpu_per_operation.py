"""CPU per operation: every sample a dot, the median and its interval over them, the floor as a line."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.figures.heat_map import left_out, thin
from reports.figures.style import (
    FLOOR,
    INK,
    MUTED,
    PAPER,
    RULE,
    Picture,
    colour,
    few_ticks,
    finish,
    marker,
    sheet,
    shorten,
    wrapped,
)
from reports.pages.phrases import brief, level
from reports.pages.trust import noise_note

PANELS_AT_MOST = 8


def draw(judgement: Judgement) -> list[Picture]:
    """One picture a workload, a panel a scenario; the longest scaling series is thinned."""
    pictures = []
    for workload, members in judgement.workloads().items():
        judged = [each for each in members if any(cell.costs for cell in each.cells.values())]
        if judged:
            pictures.append(_picture(judgement, workload, judged, explained=bool(pictures)))
    return pictures


def _picture(
    judgement: Judgement, workload: str, judged: list[ScenarioJudgement], explained: bool
) -> Picture:
    shown = thin(judged, PANELS_AT_MOST)
    columns = 1 if len(shown) == 1 else 2
    rows = -(-len(shown) // columns)
    lines = max(sum(bool(cell.costs) for cell in each.cells.values()) for each in shown)
    unit = judged[0].scenario.unit
    with sheet(rows * (0.75 + 0.235 * lines), rows, columns) as (figure, panels):
        for axes, each in zip(panels, shown, strict=False):
            _panel(axes, each, judgement)
            axes.set_title(wrapped(each.scenario.title, 35 if columns == 2 else 80))
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        caption = _caption(unit, judgement, explained)
        if len(shown) > 1:
            caption += " Each panel has an axis of its own."
        caption += left_out(shown, judged)
        alt = f"Dot plots of server CPU per {unit}. {' '.join(map(_extremes, shown))}"
        return finish(
            figure,
            f"cpu-{_slug(workload)}",
            f"CPU per {unit}: {workload}",
            caption,
            alt,
            noise_note(judgement, [each.noise_floor for each in shown]),
        )


def _caption(unit: str, judgement: Judgement, explained: bool) -> str:
    """How to read the figure; in brief where the figure before it has said it all."""
    if explained:
        return f"Server CPU per {unit}, to be read like the figure above: further left is cheaper."
    bar = f", the bar its {level(judgement.rounds)} interval" if judgement.rounds > 1 else ""
    said = (
        f"Server CPU (user and system) per {unit}, in microseconds; further left is cheaper. Each small dot "
        f"is one sample from a new server process; the large mark is the median{bar}. Circles are the "
        "mini-loop on its backends, squares other loops; in bold the best and all that cannot be told from "
        "it. The grey band begins at the cheapest loop that is judged and is as wide as the noise floor."
    )
    if judgement.floor:
        said += " The dashed line is the floor: the same work by hand, without an event loop."
    if twin := judgement.twin:
        said += f" {twin.name} is {twin.twin_of} measured once more: what parts them is noise."
    return said


def _extremes(judged: ScenarioJudgement) -> str:
    """The cheapest and the dearest median of a scenario, for those who cannot see the dots."""
    costs = sorted((cell.cost.value, name) for name, cell in judged.cells.items() if cell.cost)
    ends = [f"{name} {brief(value)} µs" for value, name in dict.fromkeys((costs[0], costs[-1]))]
    return f"{judged.scenario.title}: {' to '.join(ends)}."


def _slug(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)


def _panel(axes: Axes, judged: ScenarioJudgement, judgement: Judgement) -> None:
    cells = [cell for cell in judged.cells.values() if cell.cost]
    cells.sort(key=lambda cell: cell.cost.value if cell.cost else 0.0)
    floor = judged.cells.get(judgement.floor.name) if judgement.floor else None
    if floor and floor.cost:
        axes.axvline(floor.cost.value, color=FLOOR, linestyle=(0, (4, 3)), linewidth=0.9)
    if judged.ranking and (cheapest := judged.cells[judged.ranking[0]].cost):
        end = cheapest.value * (1 + judged.noise_floor)
        axes.axvspan(cheapest.value, end, color=RULE, alpha=0.5, linewidth=0, zorder=0)
    for y, cell in enumerate(cells):
        hue, estimate = colour(cell.subject), cell.cost
        assert estimate is not None
        jitter = np.linspace(-0.1, 0.1, len(cell.costs)) if len(cell.costs) > 1 else np.zeros(1)
        axes.plot(cell.costs, y + 0.27 + jitter, "o", color=hue, alpha=0.5, markersize=2.8, markeredgewidth=0)
        if estimate.has_interval:
            axes.plot([estimate.low, estimate.high], [y, y], color=hue, linewidth=1.8, solid_capstyle="butt")
        shape = marker(cell.subject)
        edge = (
            {"markeredgewidth": 1.8} if shape == "|" else {"markeredgecolor": PAPER, "markeredgewidth": 0.7}
        )
        axes.plot(estimate.value, y, shape, color=hue, markersize=9 if shape == "|" else 6, **edge)
    axes.set_yticks(range(len(cells)), [shorten(cell.subject.name) for cell in cells])
    for label, cell in zip(axes.get_yticklabels(), cells, strict=True):
        label.set_color(INK if cell.competes else MUTED)
        label.set_fontweight("bold" if cell.subject.name in judged.best else "normal")
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_xlim(left=0)
    few_ticks(axes)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"server CPU per {judged.scenario.unit}, µs")
