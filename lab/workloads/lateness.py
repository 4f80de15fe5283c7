"""When a timer may fire: what the workloads that wait for timers hold every subject to.

Each has the time read by a clock that is not the loop's. A loop may keep time in whole milliseconds (uvloop
does, and rounds a delay to them), so a timer may fire a little *before* it is due: being early counts as
being off, as being late does, and only what rounding cannot explain is an error.
"""

from __future__ import annotations

EARLIEST_NS = 2_000_000
"""A timer that fires this much before it is due was not waited for: one millisecond is lost by reading a
clock of milliseconds, half of one by rounding the delay, and some by the way."""


def off_ns(due_ns: int, now_ns: int) -> int | None:
    """How far from ``due_ns`` a timer fired, early or late; None: so early that it did not wait."""
    late_ns = now_ns - due_ns
    if late_ns < -EARLIEST_NS:
        return None
    return abs(late_ns)
