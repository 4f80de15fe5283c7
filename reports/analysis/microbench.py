"""The microbenchmarks of a run folder, as rows: what pytest-benchmark wrote, in the lab's units.

Rule: the file comes from another program, so anything missing or odd in it makes a row shorter, never a
report impossible.
"""

from __future__ import annotations

import math
import sys
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
    listed = entries if isinstance(entries, list) else []
    rows = [_row(entry) for entry in listed if isinstance(entry, dict) and "stats" in entry]
    return sorted(rows, key=lambda row: row.group)


def _row(entry: dict[str, Any]) -> MicrobenchRow:
    stats, parameters = _object(entry["stats"]), _object(entry.get("params"))
    median_ns, rounds = _number(stats.get("median")) * 1e9, _number(stats.get("rounds"))
    low_ns, high_ns = _number(stats.get("q1")) * 1e9, _number(stats.get("q3")) * 1e9
    return MicrobenchRow(
        group=str(entry.get("group") or "ungrouped"),
        name=str(entry.get("name", "")).split("[")[0].removeprefix("test_").replace("_", " "),
        parameters=parameters,
        median_ns=median_ns,
        low_ns=median_ns if math.isnan(low_ns) else low_ns,
        high_ns=median_ns if math.isnan(high_ns) else high_ns,
        rounds=0 if math.isnan(rounds) else int(rounds),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    """NaN for what is no number."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and -sys.float_info.max <= value <= sys.float_info.max else math.nan
