"""How steady the machine was, in a sentence.

Rule: it says what was seen, not who was the cause: a lower clock and a neighbour on the host look the same.
"""

from __future__ import annotations

from reports.analysis.judgement import Judgement
from reports.analysis.steadiness import SLOW, Steadiness, steadiness


def statement(judgement: Judgement) -> str:
    """The sentence of a run; empty where the core's speed is not known."""
    found = steadiness(judgement.run.samples, judgement.core)
    return sentence(found) if found else ""


def sentence(found: Steadiness) -> str:
    """``The measured core ran below 90 % of its full speed in 23 % of the slices, ...``."""
    slices, limit = f"{len(found.speeds):,} slices", f"{SLOW * 100:.0f} % of its full speed"
    if not found.slow:
        return f"The measured core ran at {limit} or more in all {slices}."
    share = f"{found.slow * 100:.0f} %" if found.slow >= 0.01 else "less than 1 %"
    said = f"The measured core ran below {limit} in {share} of {slices}"
    if found.slowest_twentieth < SLOW:
        said += f", and at {found.slowest_twentieth * 100:.0f} % or less in one of twenty"
    return f"{said}. {corrected(found.sensitivity)}"


def corrected(sensitivity: float | None) -> str:
    """What is made of it."""
    if sensitivity is None:
        return (
            "How costs follow it, so few samples do not tell: they stand as they were accounted, and do not "
            "compare with those of a run that gives them at full speed."
        )
    if not sensitivity:
        return "From one moment to another costs did not follow it; all are given at full speed."
    higher = (SLOW**-sensitivity - 1) * 100
    return (
        f"At {SLOW * 100:.0f} % of another moment's speed costs came out {higher:.1f} % higher than there; "
        "they are given at full speed."
    )
