"""What a seasoned allocator changes, in words and tables: for the page and the summary alike."""

from __future__ import annotations

from reports.analysis.judgement import Judgement
from reports.analysis.seasoning import SeasonedCell, Seasoning, seasonings
from reports.pages import phrases
from reports.pages.phrases import counted, interval, listed, number, ratio, times
from reports.pages.subject_table import SubjectTable

SENTENCES_AT_MOST = 4
HEADINGS = (
    "fresh, µs",
    "seasoned, µs",
    "seasoned against fresh",
    "verdict",
    "page faults, fresh",
    "page faults, seasoned",
)


def sentences(judgement: Judgement) -> list[str]:
    """Whose price changes once a large block was freed, and whose does not, a sentence for each scenario."""
    found = seasonings(judgement)
    changed = [each for each in found if any(cell.compared.told_apart for cell in each.cells)]
    said = [f"{each.fresh.title}: {_said(each)}." for each in changed[:SENTENCES_AT_MOST]]
    if (hidden := len(changed) - SENTENCES_AT_MOST) > 0:
        said.append(f"Prices change in {counted(hidden, 'scenario')} more.")
    if level := len(found) - len(changed):
        said.append(f"No difference beyond noise for anybody in {counted(level, 'scenario')}.")
    return said


def _said(seasoning: Seasoning) -> str:
    changed = [cell for cell in seasoning.cells if cell.compared.told_apart]
    level = [cell.fresh.subject.name for cell in seasoning.cells if not cell.compared.told_apart]
    shares = [f"{cell.fresh.subject.name} {ratio(cell.compared.ratio)}" for cell in changed]
    parts = [f"of what each takes fresh: {listed(shares)}"] if shares else []
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
