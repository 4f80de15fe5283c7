"""A fixed piece of work, timed: how fast the core is at this moment.

A core's speed is not one number. Its clock rises and falls; on a virtual machine a neighbour may run on the
other hardware thread of the same core, which makes everything on this one take half as long again, for a
tenth of a second or for minutes, and no account of the system says so. CPU time measures the neighbour then.
The same work timed before and after a slice of the window tells what a second of CPU time was worth in it.

Rules
- It is like what is measured: bytecode, calls, look-ups in a table as large as a first-level cache. Of the
  kinds of work that were tried beside an echo server on asyncio (system calls, bare loops, checksums,
  look-ups with calls), its time followed the server's cost best: docs/method.md, "The speed of the core".
- It allocates nothing, so that it leaves the measured process's allocator as it was.
- The least of a few repetitions counts, by the thread's own CPU time: neither an interrupt nor another
  process on the core is a lack of speed.
"""

from __future__ import annotations

from time import thread_time_ns

REPETITIONS = 3
_ENTRIES = 1024
_STEPS = range(1500)
_TABLE = [index * 7919 % _ENTRIES for index in range(_ENTRIES)]


def yardstick_ns() -> int:
    """How much CPU time the work takes now, in nanoseconds: about 100,000 on the machines of 2020."""
    return min(_time_once() for _ in range(REPETITIONS))


def _time_once() -> int:
    began_ns = thread_time_ns()
    at, table, last, call = 0, _TABLE, _ENTRIES - 1, _call
    for _ in _STEPS:
        at = table[(at * 5 + 1) & last]
        call(at)
    return thread_time_ns() - began_ns


def _call(value: int) -> int:
    return value
