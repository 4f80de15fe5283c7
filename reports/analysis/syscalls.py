"""System calls per operation, by name: what was counted in the traced pass, divided by what it completed.

Rule: counts meet no figure of time. They come from windows of their own, in which every call was slowed, and
say what an operation asks of the kernel, not what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.results import Run, SyscallCount

WORTH_NAMING = 0.005
"""Calls per operation below which a call has no column of its own."""
COLUMNS_AT_MOST = 8
"""Beyond it a table is no longer read; the rest is summed up."""


@dataclass(frozen=True)
class SyscallRow:
    """One subject: how often it made each call, per operation."""

    subject: str
    each: tuple[float, ...]
    """In the order of the table's ``calls``."""
    other: float
    total: float
    missing: str | None = None
    """Why it was not counted; the figures are then none."""


@dataclass(frozen=True)
class SyscallTable:
    """One scenario: the calls that matter, and a row for each subject that was traced."""

    scenario: str
    calls: tuple[str, ...]
    rows: tuple[SyscallRow, ...]

    def row(self, subject: str) -> SyscallRow | None:
        """The row of ``subject``, if it was counted."""
        return next((row for row in self.rows if row.subject == subject and not row.missing), None)


def syscall_table(run: Run, scenario: str) -> SyscallTable | None:
    """What was counted under ``scenario``, fewest calls first; None if nothing was tried."""
    latest = {each.subject: each for each in run.syscalls if each.scenario == scenario}
    per_operation = {name: _per_operation(each) for name, each in latest.items() if each.status == "ok"}
    calls = _worth_naming(list(per_operation.values()))
    rows = [_row(name, found, calls) for name, found in per_operation.items()]
    rows.sort(key=lambda row: row.total)
    rows += [
        SyscallRow(name, (), 0.0, 0.0, each.reason or "unknown")
        for name, each in latest.items()
        if each.status != "ok"
    ]
    return SyscallTable(scenario, calls, tuple(rows)) if rows else None


def _per_operation(count: SyscallCount) -> dict[str, float]:
    return {call: times / count.operations for call, times in count.calls.items() if count.operations}


def _worth_naming(found: list[dict[str, float]]) -> tuple[str, ...]:
    """The calls that anybody makes often enough, those that all together make most often first."""
    names = {name for each in found for name, times in each.items() if times >= WORTH_NAMING}
    often = sorted(names, key=lambda name: (-sum(each.get(name, 0.0) for each in found), name))
    return tuple(often[:COLUMNS_AT_MOST])


def _row(subject: str, found: dict[str, float], calls: tuple[str, ...]) -> SyscallRow:
    each = tuple(found.get(call, 0.0) for call in calls)
    total = sum(found.values())
    return SyscallRow(subject, each, max(0.0, total - sum(each)), total)
