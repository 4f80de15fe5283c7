"""The microbenchmarks of a run folder, as rows: what pytest-benchmark wrote, in the lab's units.

Rule: the file comes from another program, so anything missing or odd in it makes a row shorter, never a
report impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MicrobenchRow:
    """One microbenchmark. Times in nanoseconds per call."""

    group: str
    name: str
    parameters: dict[str, Any]
    median_ns: float
    low_ns: float
    """First quartile."""
    high_ns: float
    """Third quartile."""
    rounds: int


def microbench_rows(document: dict[str, Any] | None) -> list[MicrobenchRow]:
    """The rows of a pytest-benchmark JSON document, by group; empty without one."""
    entries = document.get("benchmarks") if isinstance(document, dict) else None
    rows = [_row(entry) for entry in entries or [] if isinstance(entry, dict) and "stats" in entry]
    return sorted(rows, key=lambda row: row.group)


def _row(entry: dict[str, Any]) -> MicrobenchRow:
    stats = entry["stats"]
    median = float(stats.get("median", "nan"))
    return MicrobenchRow(
        group=str(entry.get("group") or "ungrouped"),
        name=str(entry.get("name", "")).split("[")[0].removeprefix("test_").replace("_", " "),
        parameters=dict(entry.get("params") or {}),
        median_ns=median * 1e9,
        low_ns=float(stats.get("q1", median)) * 1e9,
        high_ns=float(stats.get("q3", median)) * 1e9,
        rounds=int(stats.get("rounds", 0)),
    )
