"""What each subject makes of the one rate that was offered: for the page and the summary alike.

Rule: with one rate there is no knee to look for, so nothing is said of one. Who keeps up is told by the same
bound (`reports.analysis.knee`); then what its clients waited.
"""

from __future__ import annotations

import math

from reports.analysis.judgement import Judgement
from reports.analysis.knee import LoadCurve, OfferedLoad, RatePoint, offered_loads
from reports.pages.knees import BOUND
from reports.pages.phrases import brief, called, counted, listed, number, percent, plural
from reports.pages.subject_table import SubjectTable

HEADINGS = (
    "keeps up",
    "p50, ms",
    "p99, ms",
    "from the actual send",
    "never sent",
    "thousand/s answered",
)


def loads(judgement: Judgement) -> list[OfferedLoad]:
    """The scenarios that were offered one rate each."""
    return [each for each in offered_loads(judgement) if len(each.rates) == 1]


def sentences(judgement: Judgement) -> list[str]:
    """One a scenario: who keeps up, and what its clients waited, the shortest wait first."""
    return [_said(each) for each in loads(judgement)]


def tables(judgement: Judgement) -> list[SubjectTable]:
    """A table a scenario, for the page."""
    return [
        SubjectTable(
            _title(each), HEADINGS, tuple((curve.subject.name, _cells(curve)) for curve in _by_wait(each))
        )
        for each in loads(judgement)
    ]


def markdown_table(judgement: Judgement) -> str:
    """The same for the summary, one below the other; empty where no single rate was offered."""
    return "\n\n".join(_markdown(each) for each in tables(judgement))


def _said(load: OfferedLoad) -> str:
    curves = _by_wait(load)
    kept = [each for each in curves if _point(each).served]
    lost = [each for each in curves if _point(each).served is False]
    untold = [called(each.subject) for each in curves if _point(each).served is None]
    said = []
    if kept:
        waits = listed(f"{brief(_point(each).p99_ms)} ms on {called(each.subject)}" for each in kept)
        said.append(f"all answered, with p99 from the intended send of {waits}")
    if lost:
        said.append(
            f"not kept up with by {listed(f'{called(each.subject)} ({_why_not(each)})' for each in lost)}"
        )
    if untold:
        said.append(f"not known for {listed(untold)}, as the load was the limit")
    return f"{_title(load)}: {'; '.join(said)}."


def _title(load: OfferedLoad) -> str:
    return f"{load.title}, {load.rates[0]:,} {plural(load.unit)}/s offered"


def _point(curve: LoadCurve) -> RatePoint:
    return curve.points[0]


def _by_wait(load: OfferedLoad) -> list[LoadCurve]:
    """The curves, the shortest p99 first; who has none comes last."""
    return sorted(load.curves, key=lambda curve: (math.isnan(_point(curve).p99_ms), _point(curve).p99_ms))


def _why_not(curve: LoadCurve) -> str:
    point = _point(curve)
    if math.isnan(point.p99_ms):
        return f"{counted(point.failed, 'sample')} failed"
    never = f", {percent(point.unserved)} never sent" if point.unserved else ""
    return f"p99 {brief(point.p99_ms)} ms{never}"


def _cells(curve: LoadCurve) -> tuple[tuple[str, str], ...]:
    point = _point(curve)
    answer = {True: "yes", False: "no", None: "not known"}[point.served]
    where = f"in {point.served_in} of {counted(point.told, 'round')}" if point.told else "limited by the load"
    failed = f"{where}, {point.failed} failed" if point.failed else where
    unserved = "-" if math.isnan(point.unserved) else percent(point.unserved) if point.unserved else "none"
    return (
        (answer, failed),
        (number(point.p50_ms), ""),
        (number(point.p99_ms), ""),
        (number(point.uncorrected_p99_ms), ""),
        (unserved, ""),
        (number(point.served_per_s / 1e3), ""),
    )


def _markdown(table: SubjectTable) -> str:
    rows = ["| subject | " + " | ".join(table.headings) + " |", "| --- |" + " ---: |" * len(table.headings)]
    for name, cells in table.rows:
        values = [f"{value} ({note})" if note else value for value, note in cells]
        rows.append(f"| {name.replace('|', '&#124;').replace('<', '&lt;')} | " + " | ".join(values) + " |")
    return f"{table.title}; who keeps up answers all, {BOUND}:\n\n" + "\n".join(rows)
