"""Joins the runner, which adds rounds, with the judge, who knows how narrow the intervals are."""

from __future__ import annotations

from collections.abc import Sequence

from lab.cli.terminal import duration
from lab.harness.planning.stopping import Precision
from lab.results import RunRecord, Sample


def how_precise(record: RunRecord, samples: Sequence[Sample]) -> Precision:
    """How the widest interval of a ratio to the control compares with what the record wishes for."""
    from reports import widest_interval

    widest = widest_interval(record, samples)
    if widest is None:
        return Precision(False, "there are too few rounds for an interval that holds what it promises")
    reached = record.precision is None or widest.width < record.precision
    wide = f"{round(widest.width * 100, 1):g} %"
    said = f"the widest, of {widest.subject} under {widest.scenario}, is {wide} wide"
    return Precision(reached, said)


def stopping(record: RunRecord) -> str:
    """What may make the run longer or shorter than planned, to follow its estimate; empty if nothing may."""
    said = ""
    if record.precision is not None:
        said = f", and more rounds until every interval is narrower than {record.precision * 100:g} %"
    if record.max_time_s is not None:
        limit_s = record.max_time_s
        limit = duration(limit_s) if limit_s >= 60 else f"{limit_s:g} s"
        said += f"; after the first, no round begins that would end after {limit}"
    return said
