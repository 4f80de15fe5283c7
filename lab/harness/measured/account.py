"""What processes have used up to a moment: values that can be added and subtracted.

Rule: the exact sum counts. How it splits into user and system time is known more coarsely, so the split of a
difference is that of what was seen of the two, applied to the exact sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import add, sub
from typing import Any


@dataclass(frozen=True)
class Account:
    """What was used up to a moment, or between two; ``+`` and ``-`` work field by field."""

    cpu_s: float = 0.0
    """User and system time, exact."""
    user_s: float = 0.0
    system_s: float = 0.0
    """Both as the system tells them."""
    minor_faults: int = 0
    major_faults: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    counters: Mapping[str, int] | None = None
    """The loop's own counts; None: it keeps none."""

    def __add__(self, other: Account) -> Account:
        return self._with(other, add)

    def __sub__(self, before: Account) -> Account:
        return self._with(before, sub)

    def told(self) -> dict[str, Any]:
        """The same under the names of `lab.results.Sample`'s fields, as plain values."""
        seen_s = self.user_s + self.system_s
        system_s = self.cpu_s * self.system_s / seen_s if seen_s > 0 else 0.0
        counts = ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches")
        return {
            "cpu_user_s": self.cpu_s - system_s,
            "cpu_system_s": system_s,
            **{name: getattr(self, name) for name in counts},
            "counters": None if self.counters is None else dict(self.counters),
        }

    def _with(self, other: Account, operation: Callable[[Any, Any], Any]) -> Account:
        numbers = (each.name for each in fields(self) if each.name != "counters")
        combined = (operation(getattr(self, name), getattr(other, name)) for name in numbers)
        return Account(*combined, counters=_counts(self.counters, other.counters, operation))


def _counts(
    mine: Mapping[str, int] | None,
    others: Mapping[str, int] | None,
    operation: Callable[[int, int], int],
) -> Mapping[str, int] | None:
    if mine is None and others is None:
        return None
    mine, others = mine or {}, others or {}
    return {name: operation(mine.get(name, 0), others.get(name, 0)) for name in {**mine, **others}}
