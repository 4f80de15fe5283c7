"""What a measured process uses while others have the turn.

Rule: it should be nothing. A loop that polls where it could block takes its share of the core in the slices
of all others, and of its own account that is no part: so the sample says how much it was.
"""

from __future__ import annotations

import contextlib
import sys
import time
from types import TracebackType

import psutil


class Rest:
    """Entered for each rest of the process ``pid``: how long all took, and what it used in them."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.length_s = self.cpu_s = 0.0

    def __enter__(self) -> None:
        self._began_s, self._used_s = time.monotonic(), used_s(self._pid)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        used_before_s, used_now_s = self._used_s, used_s(self._pid)
        if used_before_s is not None and used_now_s is not None:
            self.length_s += time.monotonic() - self._began_s
            self.cpu_s += used_now_s - used_before_s

    def figures(self) -> dict[str, float]:
        """Under the names of `lab.results.Sample`'s fields."""
        return {"rest_s": self.length_s, "rest_cpu_s": self.cpu_s}


def used_s(pid: int) -> float | None:
    """CPU seconds, user and system, that all threads of a process have used; None where it is gone.

    On Linux from the clock that clock_getcpuclockid(3) names, exact to the nanosecond: /proc counts in ticks.
    """
    with contextlib.suppress(OSError, psutil.Error):
        if sys.platform == "linux":
            return time.clock_gettime(~pid << 3 | 2)
        used = psutil.Process(pid).cpu_times()
        return float(used.user + used.system)
    return None
