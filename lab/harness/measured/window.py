"""The measured window of one sample, in slices.

Rule: an account is read only while nothing is under way. What lies between two slices belongs to none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.harness.measured.account import Account


class Window:
    """Accounts of the slices; ``read`` tells what has been used so far."""

    def __init__(self, read: Callable[[], Account]) -> None:
        self._read = read
        self._slices: list[Account] = []

    def begin(self) -> None:
        """A slice begins."""
        self._began = self._read()

    def end(self) -> None:
        """The slice has ended."""
        self._slices.append(self._read() - self._began)

    def used(self) -> dict[str, Any]:
        """What all slices used, under the names of `lab.results.Sample`'s fields."""
        return sum(self._slices, Account()).told() | {
            "slice_cpu_s": [each.cpu_s for each in self._slices],
        }
