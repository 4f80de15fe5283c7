"""What a seasoned allocator changes, in words and tables: for the page and the summary alike."""

from __future__ import annotations

from reports.analysis.judgement import Judgement
from reports.analysis.seasoning import SeasonedCell, Seasoning, seasonings
from reports.pages import phrases
from reports.pages.phrases import interval, listed, number, ratio, times
from reports.pages.subject_table import SubjectTable

HEADINGS = (
    "fresh, µs",
    "seasoned, µs",
    "seasoned against fresh",
    "verdict",
    "page faults, fresh",
    "page faults, seasoned",
)


def sentences(judgement: Judgement) -> list[str]:
    """One a scenario: whose price changes once a large block was freed, and whose does not."""
    return [f"{each.fresh.title}: {_said(each)}." for each in seasonings(judgement)]


def _said(seasoning: Seasoning) -> str:
    changed = [cell for cell in seasoning.cells if cell.compared.told_apart]
    level = [cell.fresh.subject.name for cell in seasoning.cells if not cell.compared.told_apart]
    parts = [
        f"{cell.fresh.subject.name} takes {ratio(cell.compared.ratio)} what it takes fresh"
        for cell in changed
    ]
    parts += [f"no difference beyond noise for {listed(level)}"] if level else []
    return "; ".join(parts)


def tables(judgement: Judgement) -> list[SubjectTable]:
    """A table a scenario."""
    return [
        SubjectTable(
            f"{each.fresh.title}, per {each.fresh.unit}",
            HEADINGS,
            tuple((cell.fresh.subject.name, _cells(cell)) for cell in each.cells),
        )
        for each in seasonings(judgement)
    ]


def _cells(cell: SeasonedCell) -> tuple[tuple[str, str], ...]:
    before, after, against = cell.fresh, cell.seasoned, cell.compared.ratio
    return (
        (number(before.cost.value if before.cost else None), ""),
        (number(after.cost.value if after.cost else None), ""),
        (times(against.value), interval(against)) if against else ("-", ""),
        (phrases.verdict(cell.compared), ""),
        (number(before.per_operation.get("minor_faults")), ""),
        (number(after.per_operation.get("minor_faults")), ""),
    )
