"""Numbers, ratios and lists as text, for tables and sentences alike.

Rule: plain text only, no mark-up; about three digits, since no run supports more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from lab.results import SubjectRecord
from reports.analysis.comparison import Comparison, Verdict
from reports.analysis.estimate import Estimate, confidence


def number(value: float | None) -> str:
    """About three digits, with thousands separators, for columns; a dash for what is not there."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    if abs(value) < 0.0005:
        return "<0.001"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 2 if abs(value) >= 0.1 else 3)}f}"


def brief(value: float | None) -> str:
    """The same for sentences: no trailing zeros."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def times(value: float) -> str:
    """A ratio: two decimals below 10."""
    return f"{value:.2f}x" if abs(value) < 9.995 else f"{value:,.0f}x"


def interval(estimate: Estimate) -> str:
    """The interval alone, or that there is none."""
    if not estimate.has_interval:
        return "one round, no interval"
    low, high = times(estimate.low)[:-1], times(estimate.high)[:-1]
    return f"{low}-{high}" + (", indicative" if estimate.indicative else "")


def level(rounds: int) -> str:
    """What an interval over so many rounds promises: ``95 %``, with five rounds ``94 %``."""
    return f"{confidence(rounds) * 100:.0f} %"


def verdict(compared: Comparison) -> str:
    """``1.8x faster``, ``1.04x slower``, ``no difference beyond noise`` or ``not measurable here``.

    Faster means less CPU: half the reference's cost is twice as fast.
    """
    if compared.ratio is None or not compared.told_apart:
        return compared.verdict.value
    is_better = compared.verdict is Verdict.BETTER
    factor = 1 / compared.ratio.value if is_better else compared.ratio.value
    digits = 2 if factor < 1.095 else 1 if factor < 9.95 else 0
    return f"{factor:,.{digits}f}x {'faster' if is_better else 'slower'}"


def ratio(estimate: Estimate | None) -> str:
    """``0.48x (0.47-0.50)``."""
    return f"{times(estimate.value)} ({interval(estimate)})" if estimate else "-"


def percent(share: float) -> str:
    """A share as per cent."""
    return f"{share * 100:.1f} %"


def apart(share: float) -> str:
    """How far two costs lie apart: ``12.0 %``, and from the double on ``a factor of 2.5``."""
    return percent(share) if share < 1 else f"a factor of {brief(1 + share)}"


def called(subject: SubjectRecord) -> str:
    """A subject's name within a sentence: ``epoll``, ``the floor``."""
    return f"the {subject.name}" if subject.kind == "floor" else subject.name


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number_of: int, thing: str) -> str:
    """``1 round``, ``5 rounds``."""
    return f"{number_of:,} {thing}" + ("" if number_of == 1 else "s")


def plural(unit: str) -> str:
    """``requests``, ``task switches``, ``processes``, ``deliveries``."""
    if unit.endswith("y"):
        return f"{unit[:-1]}ies"
    return unit + ("es" if unit.endswith(("s", "ch")) else "s")
