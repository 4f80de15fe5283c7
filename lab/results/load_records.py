"""What a load saw, as typed, frozen records: latencies, the schedule of an open loop, a capacity.

Rules: as in `lab.results.records`, which uses them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LatencyRecord:
    """Latencies of one sample's window: round trips as the load saw them, or what the scenario says."""

    count: int
    min_ns: int
    mean_ns: float
    p50_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    bucket_upper_ns: tuple[int, ...] = ()
    """Histogram: upper edges of the buckets that hold anything, ascending, about 5 % apart."""
    bucket_counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class OpenLoopRecord:
    """What became of a schedule of arrivals in one sample; latencies in it run from the *actual* send."""

    offered: int
    """Requests that the schedule held in the window."""
    unserved: int
    """Those of them that were still waiting for a connection when the time for draining was up."""
    backlog: int
    """The most requests that were due at once and waited for a connection."""
    drain_s: float
    """From the end of the schedule to the last reply."""
    on_the_way: float
    """Requests sent and not yet answered, on average over ``window_s``: counted along, by the clock."""
    uncorrected: LatencyRecord
    """From the actual send to the reply: what a load that waits for its server would have reported."""
    late_p50_ns: int
    """How long the load held requests that it could have sent: they were due, and a connection was free."""
    late_p99_ns: int
    late_max_ns: int


@dataclass(frozen=True)
class CapacityRecord:
    """What one subject served in a short closed-loop trial before the rounds."""

    subject: str
    scenario: str
    """The id of the scenario without a rate."""
    per_s: float
    """Operations in a second; 0 where the trial failed."""
    client_limited: bool = False
    """The load was the limit, so the subject could have served more."""
