"""The heat map: every scenario against every subject, as multiples of the control's cost.

Rule: the number in the cell carries the information; lightness repeats it, so a copy in grey loses nothing.
The cells have no hue, since hues tell kinds of subjects apart, here as in every figure. The control stands in
the middle of the scale, which ends at ``DARKEST`` times its cost and at the inverse: so one subject that is
far off does not make all others look alike.
"""

from __future__ import annotations

import math
from collections import Counter

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from lab.results import SubjectRecord
from reports.analysis.cells import Cell
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.figures.style import MUTED, PAPER, Picture, colour, finish, sheet, shorten, wrapped
from reports.pages.phrases import listed
from reports.pages.trust import noise_note

ROWS_AT_MOST = 40
NAMED_AT_MOST = 3
DARKEST = 4.0
SHADES = LinearSegmentedColormap.from_list("cost", ["#f4f6f8", "#c8d0d9", "#8d9aa8", "#1e2833"])
EQUAL_CONTRAST = 0.179
"""The relative luminance on which black and white can be read equally well (WCAG 2)."""


def draw(judgement: Judgement) -> list[Picture]:
    """One picture, or none without a result."""
    judged = [each for each in judgement.scenarios if each.ranking]
    shown = thin(judged, ROWS_AT_MOST)
    names = [each.name for each in judgement.run.record.subjects if each.twin_of is None]
    if not shown or not names:
        return []
    ratios = {(j.scenario.id, name): _ratio(judgement, j, name) for j in shown for name in names}
    norm = Normalize(-math.log(DARKEST), math.log(DARKEST), clip=True)
    with sheet(1.0 + 0.34 * len(shown)) as (figure, [axes]):
        for y, each in enumerate(shown):
            for x, name in enumerate(names):
                _cell(axes, x, y, ratios[each.scenario.id, name], norm, each.cells[name], name in each.best)
        _frame(axes, [each for each in judgement.run.record.subjects if each.name in names], shown)
        note = noise_note(judgement, [each.noise_floor for each in shown])
        reference = judgement.control.name if judgement.control else "the best"
        return [finish(figure, "heat-map", *_words(reference, shown, judged), note)]


def _words(
    reference: str, shown: list[ScenarioJudgement], judged: list[ScenarioJudgement]
) -> tuple[str, str, str]:
    caption = (
        f"Server CPU per operation as a multiple of {reference}'s: below 1, and lighter, is cheaper. Framed: "
        "the best of a scenario and all that cannot be told from it. The floor is no event loop and does not "
        "compete."
    )
    drawn = [cell for each in shown for cell in each.cells.values() if cell.subject.twin_of is None]
    if any(cell.missing for cell in drawn):
        caption += " Hatched: not run, for the reason given in the tables."
    caption += left_out(shown, judged)
    best = Counter(name for each in shown for name in each.best).most_common()
    found = listed(f"{name} in {count}" for name, count in best) or "nobody"
    alt = (
        f"Table of {len(shown)} scenarios by subject, server CPU as a multiple of {reference}'s. "
        f"Best, or not to be told from the best: {found}. The numbers are in the tables."
    )
    return "Who is cheap where", caption, alt


def thin(judged: list[ScenarioJudgement], limit: int) -> list[ScenarioJudgement]:
    """At most ``limit`` scenarios, evenly chosen, first and last included."""
    if len(judged) <= limit:
        return judged
    return [judged[round(index * (len(judged) - 1) / max(limit - 1, 1))] for index in range(limit)]


def left_out(shown: list[ScenarioJudgement], judged: list[ScenarioJudgement]) -> str:
    """What a caption says of those that are not drawn, few of them by name; empty where all are."""
    drawn = {each.scenario.id for each in shown}
    hidden = [each.scenario.title for each in judged if each.scenario.id not in drawn]
    if not hidden:
        return ""
    names = f" (not {'; '.join(hidden)})" if len(hidden) <= NAMED_AT_MOST else ""
    return f" {len(shown)} of {len(judged)} scenarios are shown{names}; the tables hold all."


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
    text = f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:,.0f}"
    weight = "bold" if is_best else "normal"
    axes.text(
        x + 0.5,
        y + 0.5,
        text,
        ha="center",
        va="center",
        color=ink_on(shade),
        weight=weight,
    )


def ink_on(shade: tuple[float, ...]) -> str:
    """Black or white, whichever can be read better on ``shade`` (red, green and blue from 0 to 1)."""
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shade[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > EQUAL_CONTRAST else "#ffffff"


def _frame(axes: Axes, subjects: list[SubjectRecord], judged: list[ScenarioJudgement]) -> None:
    axes.set_xlim(0, len(subjects))
    axes.set_ylim(len(judged), 0)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    crowded = len(subjects) > 9 or max(len(each.name) for each in subjects) > 12
    labels = [shorten(each.name, 18) for each in subjects]
    axes.set_xticks([x + 0.5 for x in range(len(subjects))], labels, rotation=40 if crowded else 0)
    for label, subject in zip(axes.get_xticklabels(), subjects, strict=True):
        label.set_ha("left" if crowded else "center")
        label.set_rotation_mode("anchor")
        label.set_color(colour(subject))
    titles = [wrapped(each.scenario.title, 40) for each in judged]
    axes.set_yticks([y + 0.5 for y in range(len(titles))], titles)
    axes.spines[:].set_visible(False)
    axes.patch.set_facecolor(PAPER)
