"""The heat map: every scenario against every subject, as multiples of the control's cost.

Rule: the number in the cell carries the information; lightness repeats it, so a copy in grey loses nothing.
"""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from reports.analysis.cells import Cell
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.figures.style import MUTED, PAPER, Picture, finish, sheet, shorten, wrapped
from reports.pages.trust import noise_note

ROWS_AT_MOST = 40
SHADES = LinearSegmentedColormap.from_list("cost", ["#f3f8fc", "#9cc6e3", "#2f7fb8", "#0b2f55"])


def draw(judgement: Judgement) -> list[Picture]:
    """One picture, or none without a result."""
    judged = [each for each in judgement.scenarios if each.ranking]
    shown = thin(judged, ROWS_AT_MOST)
    names = [each.name for each in judgement.run.record.subjects if each.twin_of is None]
    if not shown or not names:
        return []
    ratios = {(j.scenario.id, name): _ratio(judgement, j, name) for j in shown for name in names}
    known = [abs(math.log(value)) for value in ratios.values() if value]
    norm = Normalize(-max([0.7, *known]), max([0.7, *known]))
    with sheet(1.0 + 0.34 * len(shown)) as (figure, [axes]):
        for y, each in enumerate(shown):
            for x, name in enumerate(names):
                _cell(axes, x, y, ratios[each.scenario.id, name], norm, each.cells[name], name in each.best)
        _frame(axes, names, [each.scenario.title for each in shown])
        reference = judgement.control.name if judgement.control else "the best"
        return [
            finish(figure, "heat-map", *_words(reference, len(shown), len(judged)), noise_note(judgement))
        ]


def _words(reference: str, shown: int, of: int) -> tuple[str, str, str]:
    caption = (
        f"Server CPU per operation as a multiple of {reference}'s. Below 1 is cheaper; lighter is cheaper. "
        "A frame marks the best of a scenario and whatever cannot be told from it; the floor, which is no "
        "event loop, does not compete. Hatched: not run, for the reason given in the tables."
    )
    if shown < of:
        caption += f" {shown} of {of} scenarios are shown, evenly chosen; the tables hold all."
    alt = (
        f"Table of {shown} scenarios by subject, as multiples of {reference}; its numbers are in the tables."
    )
    return "Who is cheap where", caption, alt


def thin(judged: list[ScenarioJudgement], limit: int) -> list[ScenarioJudgement]:
    """At most ``limit`` scenarios, evenly chosen, first and last included."""
    if len(judged) <= limit:
        return judged
    return [judged[round(index * (len(judged) - 1) / max(limit - 1, 1))] for index in range(limit)]


def _ratio(judgement: Judgement, judged: ScenarioJudgement, name: str) -> float | None:
    cell = judged.cells[name]
    if judgement.control and name == judgement.control.name:
        return 1.0 if cell.cost else None
    compared = cell.to_control if judgement.control else cell.to_best
    return compared.ratio.value if compared and compared.ratio else None


def _cell(
    axes: Axes, x: int, y: int, ratio: float | None, norm: Normalize, cell: Cell, is_best: bool
) -> None:
    box = (x + 0.03, y + 0.04), 0.94, 0.92
    if ratio is None:
        axes.add_patch(Rectangle(*box, facecolor="none", edgecolor=MUTED, hatch="////", linewidth=0.3))
        word = "" if cell.missing else "no pair"
        axes.text(x + 0.5, y + 0.5, word, ha="center", va="center", color=MUTED, fontsize=7)
        return
    shade = SHADES(norm(math.log(ratio)))
    axes.add_patch(Rectangle(*box, facecolor=shade, edgecolor="none"))
    if is_best:
        axes.add_patch(
            Rectangle((x + 0.07, y + 0.1), 0.86, 0.8, fill=False, edgecolor="#000000", linewidth=1.2)
        )
    dark = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] < 0.55
    text = f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:,.0f}"
    weight = "bold" if is_best else "normal"
    axes.text(
        x + 0.5,
        y + 0.5,
        text,
        ha="center",
        va="center",
        color="#ffffff" if dark else "#000000",
        weight=weight,
    )


def _frame(axes: Axes, names: list[str], titles: list[str]) -> None:
    axes.set_xlim(0, len(names))
    axes.set_ylim(len(titles), 0)
    crowded = len(names) > 9 or max(map(len, names)) > 12
    labels = [shorten(name, 18) for name in names]
    axes.set_xticks([x + 0.5 for x in range(len(names))], labels, rotation=40 if crowded else 0)
    for label in axes.get_xticklabels():
        label.set_ha("left" if crowded else "center")
        label.set_rotation_mode("anchor")
        label.set_fontsize(7.5)
    axes.set_yticks([y + 0.5 for y in range(len(titles))], [wrapped(title, 40) for title in titles])
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.spines[:].set_visible(False)
    axes.patch.set_facecolor(PAPER)
