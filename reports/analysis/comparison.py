"""Is one subject better than another in a scenario? A ratio, how likely chance is, and one of four verdicts.

Rule: a difference counts when the ratio's interval leaves out 1, *and* a permutation test gives chance no
more than the interval does (5 %; 6.25 % with five rounds), *and* it is larger than the noise floor that the
A/A pair shows. Each alone would cry wolf: intervals of five rounds are narrow by luck now and then, an
interval of medians does not see how far the rounds beyond it lie, and identical subjects can sit a few per
cent apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from reports.analysis.estimate import FEWEST_ROUNDS, Estimate, Values, median_estimate
from reports.analysis.permutation import chance

ROUNDING = 1e-9


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
    probability: float
    """How often chance alone puts two equal subjects as far apart; NaN without a common round."""

    @property
    def told_apart(self) -> bool:
        """The data tells the two subjects apart."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE)


def compare(reference: str, ratios: Values, noise_floor: float) -> Comparison:
    """Judge ``ratios`` (cost over the reference's cost, one a round); ``noise_floor`` is relative."""
    ratio, probability = median_estimate(ratios), chance(np.log(ratios))
    return Comparison(reference, ratio, judge_ratio(ratio, probability, noise_floor), probability)


def judge_ratio(ratio: Estimate | None, probability: float, noise_floor: float) -> Verdict:
    """The verdict on a ratio: below 1 is better, unless rounds are too few or chance can explain it."""
    if ratio is None or ratio.rounds < FEWEST_ROUNDS:
        return Verdict.NOT_MEASURABLE
    if probability > 1 - ratio.confidence + ROUNDING:
        return Verdict.NO_DIFFERENCE
    if ratio.high < 1 and ratio.value < 1 / (1 + noise_floor):
        return Verdict.BETTER
    if ratio.low > 1 and ratio.value > 1 + noise_floor:
        return Verdict.WORSE
    return Verdict.NO_DIFFERENCE
