"""The allocator's state, and what a fresh one changes, in words and tables: for page and summary alike."""

from __future__ import annotations

from collections import Counter

from lab.results import RunRecord
from reports.analysis.comparison import Verdict
from reports.analysis.judgement import Judgement
from reports.analysis.seasoning import FRESH, SEASONED, SeasonedCell, Seasoning, seasonings
from reports.pages import phrases
from reports.pages.phrases import called, counted, interval, listed, number, ratio, times
from reports.pages.subject_table import SubjectTable

SENTENCES_AT_MOST = 4
HEADINGS = (
    "seasoned, µs",
    "fresh, µs",
    "fresh against seasoned",
    "verdict",
    "page faults, seasoned",
    "page faults, fresh",
)
STATES = {
    SEASONED: SEASONED,
    FRESH: "fresh (as before the first client leaves)",
    None: "as your program has it",
}


def state(record: RunRecord) -> str:
    """In which state the measured processes' allocator was, with counts where there were several.

    A scenario in which nothing can run, such as a command in a fresh state, had no process.
    """
    left_out = {(each.subject, each.scenario) for each in record.not_run}
    run = [
        scenario
        for scenario in record.scenarios
        if any((subject.name, scenario.id) not in left_out for subject in record.subjects)
    ]
    counts = Counter(each.allocator for each in run or record.scenarios)
    if len(counts) == 1:
        return STATES[next(iter(counts))]
    return listed(f"{STATES[each]} in {counted(number, 'scenario')}" for each, number in counts.items())


def why_none(record: RunRecord) -> str:
    """What stands in place of tables: the state that was met, and how to see both; empty for a command."""
    if any(each.allocator is None for each in record.scenarios):
        return ""
    return (
        f"The allocator of the measured processes was {state(record)}. To have both states side by side: "
        "muxlab bench --allocator fresh,seasoned."
    )


def sentences(judgement: Judgement) -> list[str]:
    """Whose price is another in the fresh state, and whose is not, a sentence for each scenario."""
    found = seasonings(judgement)
    changed = [each for each in found if _cells_with(each, Verdict.BETTER, Verdict.WORSE)]
    untold = [each for each in found if len(_cells_with(each, Verdict.NOT_MEASURABLE)) == len(each.cells)]
    said = [f"{each.scenario.title}: {_said(each)}." for each in changed[:SENTENCES_AT_MOST]]
    if (hidden := len(changed) - SENTENCES_AT_MOST) > 0:
        said.append(f"Prices change in {counted(hidden, 'scenario')} more.")
    if level := len(found) - len(changed) - len(untold):
        said.append(f"No difference beyond noise for anybody in {counted(level, 'scenario')}.")
    if untold:
        where = counted(len(untold), "scenario")
        said.append(f"The rounds are too few to tell fresh from seasoned in {where}.")
    return said


def _said(seasoning: Seasoning) -> str:
    changed = _cells_with(seasoning, Verdict.BETTER, Verdict.WORSE)
    shares = [f"{called(cell.seasoned.subject)} {ratio(cell.compared.ratio)}" for cell in changed]
    parts = [f"of what each takes seasoned: {listed(shares)}"]
    for verdict, words in (
        (Verdict.NO_DIFFERENCE, "no difference beyond noise"),
        (Verdict.NOT_MEASURABLE, "too few rounds to tell"),
    ):
        names = [called(cell.seasoned.subject) for cell in _cells_with(seasoning, verdict)]
        parts += [f"{words} for {listed(names)}"] if names else []
    return "; ".join(parts)


def _cells_with(seasoning: Seasoning, *verdicts: Verdict) -> list[SeasonedCell]:
    return [cell for cell in seasoning.cells if cell.compared.verdict in verdicts]


def tables(judgement: Judgement) -> list[SubjectTable]:
    """A table a scenario."""
    return [
        SubjectTable(
            f"{each.scenario.title}, per {each.scenario.unit}",
            HEADINGS,
            tuple((cell.seasoned.subject.name, _cells(cell)) for cell in each.cells),
        )
        for each in seasonings(judgement)
    ]


def _cells(cell: SeasonedCell) -> tuple[tuple[str, str], ...]:
    seasoned, fresh, against = cell.seasoned, cell.fresh, cell.compared.ratio
    return (
        (number(seasoned.cost.value if seasoned.cost else None), ""),
        (number(fresh.cost.value if fresh.cost else None), ""),
        (times(against.value), interval(against)) if against else ("-", ""),
        (phrases.verdict(cell.compared), ""),
        (number(seasoned.per_operation.get("minor_faults")), ""),
        (number(fresh.per_operation.get("minor_faults")), ""),
    )
