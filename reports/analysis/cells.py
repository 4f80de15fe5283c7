"""One cell: a subject under a scenario, with everything that its samples support.

Rule: every subject of the run has a cell in every scenario; a cell without a cost says why it has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from lab.results import Run, ScenarioRecord, SubjectRecord
from reports.analysis.comparison import Comparison
from reports.analysis.estimate import Estimate, Values, median_estimate
from reports.analysis.tidy import OPERATION_COLUMNS, by_round

LATENCIES = ("p50", "p90", "p99", "p999")


@dataclass(frozen=True)
class Cell:
    """What was found about one subject under one scenario. Costs in microseconds of CPU per operation."""

    subject: SubjectRecord
    scenario: ScenarioRecord
    costs: tuple[float, ...]
    """Every counted sample, by round."""
    rounds: tuple[int, ...]
    """The round of each."""
    cost: Estimate | None
    throughput: Estimate | None
    latency_us: dict[str, float] = field(default_factory=dict)
    """Medians by ``p50``, ``p90``, ``p99``, ``p999``; empty where latency was not measured."""
    uncorrected_p99_us: float | None = None
    """Of open loops: the median p99 from the actual send; the above runs from the intended one."""
    answered: float | None = None
    """Of open loops: the median share of the offered requests that were answered."""
    per_operation: dict[str, float] = field(default_factory=dict)
    """Medians that explain the cost: CPU in microseconds; faults, switches and counters per operation."""
    peak_rss_bytes: float | None = None
    connection_bytes: float | None = None
    """Median of what each further open connection added to the server's resident size."""
    kept_connection_bytes: float | None = None
    """Median of what was left of that once all connections were closed."""
    failed: int = 0
    client_limited: int = 0
    """Counted samples in which the load process was the limit."""
    missing: str | None = None
    """Why there is no cost; None when there is one."""
    to_control: Comparison | None = None
    to_floor: Comparison | None = None
    to_best: Comparison | None = None

    @property
    def competes(self) -> bool:
        """A subject that can be the best: neither the floor, which is no loop, nor the A/A twin."""
        return self.subject.kind != "floor" and self.subject.twin_of is None and self.cost is not None


class CellBuilder:
    """Builds the cells of a run from its tidy table; holds the table's counted and excluded rows."""

    def __init__(self, run: Run, rows: pd.DataFrame, all_rows: pd.DataFrame) -> None:
        self._run, self._all_rows = run, all_rows
        self._rows = dict(list(rows.groupby(["scenario", "subject"], sort=False)))
        self._reasons = {(each.subject, each.scenario): each.reason for each in run.record.not_run}
        excluded = all_rows[~all_rows["counted"].astype(bool) & ~all_rows["warmup"].astype(bool)]
        self._excluded = dict(list(excluded.groupby(["scenario", "subject"], sort=False)))

    def build(self, subject: SubjectRecord, scenario: ScenarioRecord) -> Cell:
        """The cell of ``subject`` under ``scenario``, not yet compared with any other."""
        key = (scenario.id, subject.name)
        rows, excluded = self._rows.get(key), self._excluded.get(key)
        failed = 0 if excluded is None else int((excluded["status"] == "failed").sum())
        if rows is None:
            missing = self._why_missing(subject, scenario, excluded)
            return Cell(subject, scenario, (), (), None, None, failed=failed, missing=missing)
        rows = rows.sort_values("round")
        return Cell(
            subject=subject,
            scenario=scenario,
            costs=tuple(float(value) for value in rows["cpu_us_per_operation"]),
            rounds=tuple(int(value) for value in rows["round"]),
            cost=median_estimate(rows["cpu_us_per_operation"].to_numpy(dtype=float)),
            throughput=median_estimate(rows["throughput_per_s"].to_numpy(dtype=float)),
            latency_us=_latency(rows),
            **_open_loop(rows),
            per_operation=_per_operation(rows),
            peak_rss_bytes=float(rows["peak_rss_bytes"].median()) or None,
            connection_bytes=_median_if_any(rows["connection_bytes"]),
            kept_connection_bytes=_median_if_any(rows["kept_connection_bytes"]),
            failed=failed,
            client_limited=int(rows["client_limited"].astype(bool).sum()),
        )

    def _why_missing(
        self, subject: SubjectRecord, scenario: ScenarioRecord, excluded: pd.DataFrame | None
    ) -> str:
        reason = self._reasons.get((subject.name, scenario.id)) or self._reasons.get((subject.name, None))
        if reason:
            return reason
        if excluded is None:
            return (
                "the run ended before it was measured"
                if self._run.record.status != "complete"
                else "no samples"
            )
        last = excluded.iloc[-1]
        detail = f": {last['reason']}" if isinstance(last["reason"], str) else ""
        return f"every sample was left out ({last['excluded']}{detail})"


def _median_if_any(column: pd.Series) -> float | None:
    """The median of what was measured; None where nothing was."""
    known = column.dropna()
    return float(known.median()) if len(known) else None


def _latency(rows: pd.DataFrame) -> dict[str, float]:
    columns = {name: f"latency_{name}_ns" for name in LATENCIES}
    medians = {name: float(rows[column].median()) for name, column in columns.items() if column in rows}
    return {name: value / 1e3 for name, value in medians.items() if value == value}


def _open_loop(rows: pd.DataFrame) -> dict[str, float]:
    if "open_offered" not in rows or rows["open_offered"].isna().all():
        return {}
    return {
        "uncorrected_p99_us": float(rows["open_uncorrected_p99_ns"].median()) / 1e3,
        "answered": float((rows["operations"] / rows["open_offered"]).median()),
    }


def _per_operation(rows: pd.DataFrame) -> dict[str, float]:
    """The median cost is split by the median share of system time: two medians would not add up to it."""
    cost = float(rows["cpu_us_per_operation"].median())
    share = float((rows["system_us_per_operation"] / rows["cpu_us_per_operation"]).median())
    found = {"user_us": cost * (1 - share), "system_us": cost * share}
    totals = [*OPERATION_COLUMNS, *(name for name in rows.columns if name.startswith("counter_"))]
    for name in totals:
        share = float((rows[name] / rows["operations"]).median())
        if share == share:
            found[name] = share
    return found


def paired(rows: pd.DataFrame, scenario: str) -> dict[str, Values]:
    """Cost by subject, aligned by round (NaN where a round is missing)."""
    table = by_round(rows, scenario, "cpu_us_per_operation")
    return {str(name): table[name].to_numpy(dtype=float) for name in table.columns}
