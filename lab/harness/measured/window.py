"""The measured window of one sample, in slices, with the yardstick laid on before and after each.

Rules
- An account is read only while nothing is under way. What lies between two slices belongs to none: neither
  the yardstick nor the talk between the processes.
- The yardstick tells the speed of the core that it runs on. In a process that is not bound to one it would
  tell that of any other, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.harness.measured.account import Account
from lab.harness.measured.yardstick import yardstick_ns


class Window:
    """Accounts of the slices; ``read`` tells what has been used so far."""

    def __init__(self, read: Callable[[], Account], pinned: bool) -> None:
        self._read, self._pinned = read, pinned
        self._slices: list[Account] = []
        self._yardstick_ns: list[int] = []

    def begin(self) -> None:
        """A slice begins."""
        self._measure_speed()
        self._began = self._read()

    def end(self) -> None:
        """The slice has ended."""
        self._slices.append(self._read() - self._began)
        self._measure_speed()

    def used(self) -> dict[str, Any]:
        """What all slices used, under the names of `lab.results.Sample`'s fields."""
        return sum(self._slices, Account()).told() | {
            "slice_cpu_s": [each.cpu_s for each in self._slices],
            "yardstick_ns": list(self._yardstick_ns),
        }

    def _measure_speed(self) -> None:
        if self._pinned:
            self._yardstick_ns.append(yardstick_ns())
