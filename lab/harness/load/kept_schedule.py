"""How a load kept its schedule, made of the raw times after the window, and the record of a sample's loads.

Rules
- Latency runs from the *intended* send (corrected) and from the *actual* one (uncorrected). The first is what
  arrivals that do not wait for the server meet; the second is what a load that waits would have reported.
- The load was *late* by how long it held a request that it could have sent: from when the request was due
  and a connection was free for it, whichever came last, to the send. Waiting for a connection is not its own.
- What was never sent has no latency, so it is counted (`unserved`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import sub
from typing import TYPE_CHECKING, Any

from lab.harness.load.open_loop import OpenLoop

if TYPE_CHECKING:
    from lab.results import LatencyRecord, OpenLoopRecord

LATE_SHARE = 0.25
"""A load whose p99 of lateness is this share of the p99 that it reports has measured itself."""
LATE_AT_LEAST_NS = 100_000
"""Below it lateness is what any process on any machine shows."""


@dataclass(frozen=True)
class KeptSchedule:
    """One run: what was offered, and the time that each request took, in nanoseconds."""

    corrected_ns: array[int]
    uncorrected_ns: array[int]
    late_ns: array[int]
    totals: dict[str, int]
    """What a load process reports beside these; `open_loop_record` puts those of all together."""


def kept(loop: OpenLoop, window_ns: int) -> KeptSchedule:
    """What became of the schedule of a run that is over."""
    every = (loop.due_ns, loop.free_ns, loop.sent_ns, loop.done_ns)
    due_ns, free_ns, sent_ns, done_ns = (each[: loop.sent] for each in every)
    possible_ns = map(max, due_ns, free_ns)
    return KeptSchedule(
        corrected_ns=array("q", map(sub, done_ns, due_ns)),
        uncorrected_ns=array("q", map(sub, done_ns, sent_ns)),
        late_ns=array("q", map(sub, sent_ns, possible_ns)),
        totals={
            "offered": len(loop.due_ns),
            "unserved": len(loop.due_ns) - loop.sent,
            "backlog": _backlog(loop),
            "drain_ns": max(0, max(loop.done_ns) - window_ns),
            "under_way_ns": loop.under_way_ns,
        },
    )


def _backlog(loop: OpenLoop) -> int:
    """The most requests that had to wait at once: due, and another one was sent before them."""
    sent_ns, due_ns = loop.sent_ns[: loop.sent], loop.due_ns
    waiting = (bisect_right(due_ns, sent) - number - 1 for number, sent in enumerate(sent_ns))
    return max(*waiting, len(due_ns) - loop.sent, 0)


def open_loop_record(
    totals: Sequence[Mapping[str, int]],
    window_s: float,
    uncorrected: LatencyRecord | None,
    late: LatencyRecord | None,
) -> OpenLoopRecord | None:
    """One record of all load processes; None where nothing was sent. The backlog is then at most so much."""
    if uncorrected is None or late is None:
        return None
    from lab.results import OpenLoopRecord  # as in `lab.harness.latency`

    added: dict[str, Any] = {
        name: sum(each[name] for each in totals) for name in ("offered", "unserved", "backlog")
    }
    return OpenLoopRecord(
        **added,
        drain_s=max(each["drain_ns"] for each in totals) / 1e9,
        on_the_way=sum(each["under_way_ns"] for each in totals) / 1e9 / window_s,
        uncorrected=uncorrected,
        late_p50_ns=late.p50_ns,
        late_p99_ns=late.p99_ns,
        late_max_ns=late.max_ns,
    )


def was_late(kept: OpenLoopRecord | None, latency: LatencyRecord | None) -> bool:
    """Whether the load itself could not keep the schedule, so that ``latency`` is much of its own making."""
    if kept is None or latency is None:
        return False
    return kept.late_p99_ns > max(LATE_AT_LEAST_NS, LATE_SHARE * latency.p99_ns)
