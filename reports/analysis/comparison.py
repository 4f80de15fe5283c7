"""Is one subject better than another in a scenario? A ratio, and one of four words.

Rule: a difference counts when its interval leaves out 1 *and* it is larger than the noise floor that the
A/A pair shows. Either alone would cry wolf: intervals of five rounds are narrow by luck now and then, and
identical subjects can sit a few per cent apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reports.analysis.estimate import FEWEST_ROUNDS, Estimate


class Verdict(StrEnum):
    """How a subject compares with another in server CPU per operation."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference beyond noise"
    NOT_MEASURABLE = "not measurable here"


@dataclass(frozen=True)
class Comparison:
    """One subject's cost as a multiple of another's, paired by round, and what that allows to say."""

    reference: str
    ratio: Estimate | None
    verdict: Verdict

    @property
    def told_apart(self) -> bool:
        """The data tells the two subjects apart."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE)


def compare(reference: str, ratio: Estimate | None, noise_floor: float) -> Comparison:
    """Put ``ratio`` (cost over the reference's cost) into words; ``noise_floor`` is relative."""
    return Comparison(reference, ratio, judge_ratio(ratio, noise_floor))


def judge_ratio(ratio: Estimate | None, noise_floor: float) -> Verdict:
    """The verdict on a ratio: below 1 is better, unless rounds are too few or noise can explain it."""
    if ratio is None or ratio.rounds < FEWEST_ROUNDS:
        return Verdict.NOT_MEASURABLE
    if ratio.high < 1 and ratio.value < 1 / (1 + noise_floor):
        return Verdict.BETTER
    if ratio.low > 1 and ratio.value > 1 + noise_floor:
        return Verdict.WORSE
    return Verdict.NO_DIFFERENCE
