"""Why one subject costs less than another: the saving, split by where the time goes, with its witnesses.

Rule: an explanation is arithmetic on what was measured. User and system CPU add up to the saving, and the
saving agrees with the ratio paired by round that the verdict rests on; faults, switches and loop counters
are named as witnesses only where they differ by enough to matter.

Pitfall: medians of two subjects were not taken in the same moments. Where the machine's speed changed
between rounds their difference contradicts the paired ratio, so it is never taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.judgement import ScenarioJudgement

TELLING_DIFFERENCE = 0.2
"""Events per operation that two subjects must differ by for a count to be named as a witness."""

WITNESSES: dict[str, str] = {
    "minor_faults": "page faults",
    "voluntary_switches": "voluntary context switches",
    "counter_interest_changes": "interest changes",
    "counter_would_block": "calls that would have blocked",
    "counter_waits": "waits",
}
"""Counts that cause cost, in the order in which they are worth naming, and their names for people."""

READING_AIDS: dict[str, tuple[str, str]] = {
    "user_us": ("user µs", "CPU in Python and its libraries: what the loop's own code costs."),
    "system_us": ("system µs", "CPU in the kernel: the system calls, and page faults if there are any."),
    "minor_faults": (
        "page faults",
        "New pages mapped. Near 0 is right; 1 or more means that a buffer is allocated afresh for each read.",
    ),
    "voluntary_switches": (
        "vol. switches",
        "The server slept because it had nothing to do. Low under load: many events are served per wake-up.",
    ),
    "involuntary_switches": (
        "invol. switches",
        "The core was taken away: something else runs on the machine.",
    ),
    "counter_waits": ("waits", "Calls that ask the kernel what is ready. Fewer means more work per call."),
    "events_per_wait": (
        "events per wait",
        "Ready descriptors per such call. Higher spreads the call's price.",
    ),
    "counter_interest_changes": (
        "interest changes",
        "Registering, changing or dropping a descriptor. 0: the interest is kept between waits.",
    ),
    "counter_would_block": (
        "would-block",
        "Reads and writes tried in vain: each costs a system call and an exception.",
    ),
    "counter_unwanted_events": (
        "unwanted events",
        "Events that nobody waited for. Level-triggered, each costs an interest change, or it would repeat.",
    ),
    "connection_kib": (
        "KiB/connection",
        "Resident memory that each further open connection added: the loop's objects and buffers for it, and "
        "the server's. What the kernel holds for its socket is not in it.",
    ),
    "kept_kib": (
        "KiB kept",
        "What is left of it for each connection once all are closed, with what the window added: kept by the "
        "allocator for what comes, or leaked.",
    ),
    "peak_mib": ("peak MiB", "Highest resident memory of the server process."),
}
"""Column heading and one-line reading aid of each figure that explains a cost, in order of display."""


@dataclass(frozen=True)
class Reason:
    """Why ``subject`` costs less than ``reference`` in one scenario. Microseconds per operation."""

    reference: str
    saving_us: float
    user_us: float
    system_us: float
    witnesses: tuple[tuple[str, float, float], ...]
    """What, how often per operation here, how often there."""


def reason(judged: ScenarioJudgement, subject: str, reference: str) -> Reason | None:
    """Split the saving of ``subject`` against ``reference``; None if either was not measured or none is.

    The reference's cost is the subject's median over the paired ratio, split as the reference's own was.
    """
    mine, theirs = judged.cells[subject], judged.cells[reference]
    ratio = judged.compare(subject, reference).ratio
    if not (mine.cost and theirs.cost and ratio) or ratio.value >= 1:
        return None
    paired_us = mine.cost.value / ratio.value
    scale = paired_us / theirs.cost.value
    here, there = mine.per_operation, theirs.per_operation
    witnesses = [
        (label, here[name], there[name])
        for name, label in WITNESSES.items()
        if name in here and name in there and there[name] - here[name] >= TELLING_DIFFERENCE
    ]
    return Reason(
        reference=reference,
        saving_us=paired_us - mine.cost.value,
        user_us=there["user_us"] * scale - here["user_us"],
        system_us=there["system_us"] * scale - here["system_us"],
        witnesses=tuple(witnesses),
    )


def explaining_columns(judged: ScenarioJudgement) -> list[str]:
    """The figures that at least one subject of the scenario has, known ones first, then other counters."""
    seen = {name for cell in judged.cells.values() for name in facts(judged, cell.subject.name)}
    known = [name for name in READING_AIDS if name in seen]
    covered = {*READING_AIDS, "major_faults", "counter_events"}
    return known + sorted(name for name in seen if name.startswith("counter_") and name not in covered)


def facts(judged: ScenarioJudgement, subject: str) -> dict[str, float]:
    """Everything per operation that explains the cost of a subject, events per wait and memory included."""
    cell = judged.cells[subject]
    found = dict(cell.per_operation)
    waits, events = found.get("counter_waits"), found.get("counter_events")
    if waits and events is not None:
        found["events_per_wait"] = events / waits
    if cell.connection_bytes is not None:
        found["connection_kib"] = cell.connection_bytes / 1024
    if cell.kept_connection_bytes is not None:
        found["kept_kib"] = cell.kept_connection_bytes / 1024
    if cell.peak_rss_bytes:
        found["peak_mib"] = cell.peak_rss_bytes / 2**20
    return found
