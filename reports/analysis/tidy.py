"""The samples of a run as one tidy table: a row a sample, a column a fact, units in the names.

Rule: nothing is dropped here. What does not count towards a verdict (warm-ups, failures, samples without
a measurable cost) stays in the table with ``counted`` False and the reason in ``excluded``.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lab.results import LatencyRecord, OpenLoopRecord, RunRecord, Sample, ScenarioRecord, SubjectRecord
from reports.analysis.speed import CoreSpeed, core_speed

COLUMNS: dict[str, str] = {
    "subject": "what was measured, as named on the command line",
    "subject_label": "the same for people",
    "subject_kind": "mini-loop, comparison, floor or custom",
    "control": "ratios are taken against this subject",
    "twin_of": "set on the A/A twin: the subject that it repeats",
    "scenario": "the workload with its parameters",
    "workload": "what server and clients do",
    "unit": "what one operation is: request, event, timer and so on",
    "round": "from 0; ratios are paired by it; warm-ups count down from -1",
    "order": "position in the run, from 0",
    "block": "with whom it was taken together, slices alternating: the least order among them; empty: alone",
    "started_at": "ISO 8601",
    "status": "ok or failed",
    "warmup": "recorded, but never counted",
    "counted": "the sample enters the verdicts",
    "excluded": "why it does not",
    "reason": "why the sample failed",
    "stderr_tail": "last lines of the failed process's standard error",
    "cpu_us_per_operation": "server CPU, user and system, microseconds at the core's full speed: the figure "
    "that leads",
    "user_us_per_operation": "of it in Python and libraries",
    "system_us_per_operation": "of it in the kernel",
    "measured_cpu_us_per_operation": "server CPU as it was accounted, at whatever speed the core had",
    "core_speed": "the core's speed over the window, as a share of its full speed",
    "throughput_per_s": "operations per second of wall time",
    "concurrency": "operations on the way on average, by Little's law: throughput times mean latency; of "
    "open loops from the actual send",
    "window_s": "wall time of the measured window, seconds",
    "operations": "verified operations in the window",
    "lost": "datagrams that no reply came to in time, none of them an operation",
    "cpu_user_s": "server user CPU over the window, seconds",
    "cpu_system_s": "server system CPU over the window, seconds",
    "slice_cpu_s": "server CPU in each slice of the window, seconds, as a JSON list",
    "slice_starts_s": "when each slice began, seconds from started_at, as a JSON list",
    "rest_s": "how long the server was at rest while others of its block had the turn, seconds",
    "rest_cpu_s": "server CPU in that time, seconds: nothing, where a loop blocks",
    "yardstick_ns": "the yardstick before and after each slice, nanoseconds, as a JSON list",
    "exchange_ns": "the yardstick's exchange of messages at the same moments, nanoseconds, as a JSON list",
    "minor_faults": "pages mapped without disk access, over the window",
    "major_faults": "pages read from disk, over the window",
    "voluntary_switches": "times the server gave up the core to wait, over the window",
    "involuntary_switches": "times the core was taken from the server, over the window",
    "peak_rss_bytes": "highest resident size of the server up to the window's end, bytes",
    "connection_bytes": "resident memory of the server that each further open connection added, bytes",
    "kept_connection_bytes": "what is left of that once all connections are closed, bytes",
    "setup_s": "from starting the processes to the window, seconds",
    "load_cpu_s": "CPU of all load processes over the window, without watching for replies, seconds",
    "load_utilisation": "share of the window that the load took of its busiest core, 0 to 1",
    "load_utilisations": "what each load process took of a core, as a JSON list",
    "client_limited": "the load was the limit",
    "pinned": "server and load had a core each for themselves",
}
"""Every column that all runs share, in order, and what it holds.

``parameter_*``, ``latency_*_ns``, ``open_*`` and ``counter_*`` columns follow, as far as the run has them.
"""

NESTED = ("latency", "open_loop", "counters")
"""Fields of a sample that become columns of their own."""

LISTS = ("load_utilisations", "slice_cpu_s", "slice_starts_s", "yardstick_ns", "exchange_ns")
"""Fields of a sample that are written as JSON lists."""

OPERATION_COLUMNS = ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches")
"""Window totals that the explanation divides by the operations."""


@dataclass(frozen=True, eq=False)
class Table:
    """All samples of a run, and what they tell of the core that they were corrected for."""

    frame: pd.DataFrame
    """A row a sample, in the order they were taken; without samples it keeps the shared columns."""
    core: CoreSpeed


def tidy(record: RunRecord, samples: Sequence[Sample]) -> Table:
    """The table of ``samples``, all that the run of ``record`` has so far. The one place where the core's
    speed is worked out: whoever needs it takes the table's."""
    subjects = {subject.name: subject for subject in record.subjects}
    scenarios = {scenario.id: scenario for scenario in record.scenarios}
    core = core_speed(samples)
    rows = [_row(each, subjects.get(each.subject), scenarios.get(each.scenario), core) for each in samples]
    frame = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
    return Table(frame[[*COLUMNS, *(name for name in frame.columns if name not in COLUMNS)]], core)


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that enter the verdicts; of a cell taken twice in a round, the later one."""
    rows = frame[frame["counted"].astype(bool)]
    return rows.drop_duplicates(["scenario", "subject", "round"], keep="last")


def by_round(frame: pd.DataFrame, scenario: str, column: str) -> pd.DataFrame:
    """``column`` of one scenario's counted rows: a row a round, a column a subject, NaN where missing."""
    rows = frame[frame["scenario"] == scenario]
    return rows.pivot(index="round", columns="subject", values=column)


def _row(
    sample: Sample, subject: SubjectRecord | None, scenario: ScenarioRecord | None, core: CoreSpeed
) -> dict[str, object]:
    row: dict[str, object] = {name: value for name, value in vars(sample).items() if name not in NESTED}
    row |= {name: json.dumps(row[name]) for name in LISTS}
    row |= _subject_columns(sample, subject)
    row |= {"workload": scenario.workload if scenario else "", "unit": scenario.unit if scenario else ""}
    row |= _derived_columns(sample, core)
    row["excluded"] = _exclusion(sample)
    row["counted"] = row["excluded"] is None
    row |= {f"parameter_{name}": value for name, value in (scenario.parameters if scenario else {}).items()}
    row |= _latency_columns(sample.latency) if sample.latency else {}
    row |= {"open_rate_per_s": scenario.rate_per_s} if scenario and scenario.rate_per_s else {}
    row |= _open_loop_columns(sample.open_loop) if sample.open_loop else {}
    row |= {f"counter_{name}": value for name, value in (sample.counters or {}).items()}
    return row


def _subject_columns(sample: Sample, subject: SubjectRecord | None) -> dict[str, object]:
    return {
        "subject_label": subject.label if subject else sample.subject,
        "subject_kind": subject.kind if subject else "custom",
        "control": bool(subject and subject.control),
        "twin_of": subject.twin_of if subject else None,
    }


def _derived_columns(sample: Sample, core: CoreSpeed) -> dict[str, object]:
    cost = core.cost_us(sample)
    share = cost / sample.cpu_s if sample.cpu_s else math.nan
    throughput_per_s = sample.operations / sample.window_s if sample.window_s else math.nan
    on_the_way = sample.open_loop.uncorrected if sample.open_loop else sample.latency
    return {
        "cpu_us_per_operation": cost,
        "user_us_per_operation": sample.cpu_user_s * share,
        "system_us_per_operation": sample.cpu_system_s * share,
        "measured_cpu_us_per_operation": sample.cpu_us_per_operation,
        "core_speed": core.of(sample),
        "throughput_per_s": throughput_per_s,
        "concurrency": throughput_per_s * on_the_way.mean_ns / 1e9 if on_the_way else math.nan,
    }


def _open_loop_columns(kept: OpenLoopRecord) -> dict[str, object]:
    columns: dict[str, object] = {f"open_{k}": value for k, value in vars(kept).items() if k != "uncorrected"}
    shown = ("mean", "p50", "p90", "p99", "p999", "max")
    return columns | {f"open_uncorrected_{x}_ns": getattr(kept.uncorrected, f"{x}_ns") for x in shown}


def _latency_columns(latency: LatencyRecord) -> dict[str, object]:
    columns: dict[str, object] = {"latency_count": latency.count}
    for field in dataclasses.fields(latency):
        value = getattr(latency, field.name)
        if field.name.startswith("bucket_"):
            columns[f"latency_{field.name}"] = json.dumps(list(value))
        elif field.name != "count":
            columns[f"latency_{field.name}"] = value
    return columns


def _exclusion(sample: Sample) -> str | None:
    """Why ``sample`` cannot enter a verdict; None if it can."""
    if sample.warmup:
        return "warm-up"
    if sample.status != "ok":
        return "failed"
    if not sample.operations:
        return "nothing was completed in the window"
    cost = sample.cpu_us_per_operation
    return None if math.isfinite(cost) and cost > 0 else "no CPU time was visible: the window is too short"
