"""A paired permutation test: could chance alone have put two subjects this far apart?

Under the hypothesis that two subjects cost the same, their names can be swapped within any round: that flips
the sign of the round's log ratio and changes nothing else. So all patterns of signs are equally likely, and
the share of patterns whose signed ranks are at least as one-sided as those seen is the probability
(Wilcoxon's signed-rank test, 1945, as the permutation test that it is). Ranks, because a single round that
something disturbed must not decide: the median beside it is not moved by it either.

Rule: exact up to ``EXACT_ROUNDS`` rounds, by counting all patterns; beyond, by the normal approximation.

Pitfall: n rounds have 2**n patterns, so the least probability is 2 / 2**n: 6.25 % with five rounds. It can
never fall below 5 % there, just as no interval of five rounds has 95 % (see `reports.analysis.estimate`).
"""

from __future__ import annotations

import math

import numpy as np

from reports.analysis.estimate import Values

EXACT_ROUNDS = 50


def chance(logs: Values) -> float:
    """How often chance alone gives log ratios (one a round) at least this one-sided; NaN without any.

    Two-sided. Rounds of equal size share their ranks; a log ratio of 0 speaks for neither side.
    """
    logs = np.asarray(logs, dtype=float)
    if not logs.size:
        return math.nan
    # Doubled, so that shared ranks are whole numbers too.
    ranks = np.where(logs == 0, 0, np.rint(2 * _ranks(np.abs(logs))).astype(int))
    seen = abs(int(ranks @ np.sign(logs)))
    if logs.size > EXACT_ROUNDS:
        spread = math.sqrt(float(np.sum(ranks.astype(float) ** 2)))
        return math.erfc(seen / spread / math.sqrt(2)) if spread else 1.0
    return _share_of_patterns(ranks, seen)


def _share_of_patterns(ranks: Values, seen: int) -> float:
    """The share of sign patterns whose sum of ``ranks`` is at least ``seen`` away from 0."""
    total = int(ranks.sum())
    chance = np.zeros(total + 1)  # of each sum of the ranks that are positive
    chance[0] = 1.0
    for rank in ranks:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[: total + 1 - rank]
        chance = (chance + moved) / 2
    signed = 2 * np.arange(total + 1) - total
    return min(1.0, float(chance[np.abs(signed) >= seen].sum()))


def _ranks(sizes: Values) -> Values:
    """Ranks from 1, the smallest first; equal ones share the mean of theirs."""
    _, where, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[where]
