"""Who did not rest while the others of a block had the turn.

A loop that polls where it could block costs nothing more by its own account, and takes the core, its caches
and its time from everybody else.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.results import Sample

RESTLESS = 0.02
"""The share of a core above which it is told. Loops that block stay below a thousandth."""
SHORTEST_REST_S = 0.05
"""Less rest than this, over all samples of a subject, says nothing."""


def restless(samples: Sequence[Sample]) -> dict[str, float]:
    """The share of a core that each restless subject took while it should have been at rest."""
    found = {}
    for subject in dict.fromkeys(sample.subject for sample in samples):
        own = [sample for sample in samples if sample.subject == subject]
        rest_s = sum(sample.rest_s for sample in own)
        share = sum(sample.rest_cpu_s for sample in own) / rest_s if rest_s >= SHORTEST_REST_S else 0.0
        if share > RESTLESS:
            found[subject] = share
    return found
