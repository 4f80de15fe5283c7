"""System calls in words and tables: for the page and the summary alike.

Rule: where none were counted, the page says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.answer import Answer
from reports.analysis.judgement import Judgement
from reports.analysis.syscalls import SyscallRow, SyscallTable, syscall_table
from reports.pages.phrases import called

CALLS_AT_MOST = 5
"""Named in a sentence, of each subject."""


@dataclass(frozen=True)
class CallsTable:
    """The system calls of one scenario, as text."""

    title: str
    unit: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...], str | None], ...]
    """Subject, values, and why there are none."""


def tables(judgement: Judgement) -> list[CallsTable]:
    """A table for each scenario whose calls were counted, in the order of the plan."""
    found = [(each.scenario, syscall_table(judgement.run, each.scenario.id)) for each in judgement.scenarios]
    return [
        CallsTable(
            title=scenario.title,
            unit=scenario.unit,
            headings=("all", *table.calls, "other"),
            rows=tuple((row.subject, _values(row), row.missing) for row in table.rows),
        )
        for scenario, table in found
        if table
    ]


def why_none(judgement: Judgement) -> str:
    """Why the page has no such table; empty if it has one."""
    if judgement.run.syscalls:
        return ""
    record = judgement.run.record
    if record.syscalls and all(each.load == "open" for each in record.scenarios):
        return "System calls were not counted: a traced server cannot keep the schedule of an open loop."
    if record.syscalls:
        return "System calls were to be counted after the last round, which was not reached."
    return f"System calls were not counted: {record.no_syscalls or 'the run was not asked for them'}."


def sentence(judgement: Judgement, found: Answer | None) -> str:
    """What the champion, and those it is held against, ask of the kernel in the lead scenario."""
    table = syscall_table(judgement.run, found.lead.scenario.id) if found else None
    if found is None or table is None:
        return ""
    names = dict.fromkeys([found.champion.name, *(each.reference for each in found.against)])
    cells = found.lead.cells
    said = [_said(table, row, called(cells[name].subject)) for name in names if (row := table.row(name))]
    return f"Per {found.lead.scenario.unit}: {'; '.join(said)}." if said else ""


def _said(table: SyscallTable, row: SyscallRow, who: str) -> str:
    """``epoll 2.02 (recvfrom 1.00, sendto 1.00, epoll_wait 0.02)``."""
    named = [(times, call) for call, times in zip(table.calls, row.each, strict=True) if times >= 0.005]
    often = sorted(named, key=lambda each: -each[0])[:CALLS_AT_MOST]
    return f"{who} {row.total:.2f} ({', '.join(f'{call} {times:.2f}' for times, call in often)})"


def _values(row: SyscallRow) -> tuple[str, ...]:
    figures = () if row.missing else (row.total, *row.each, row.other)
    return tuple(f"{each:.2f}" if each >= 0.005 else "<0.01" if each else "0" for each in figures)
