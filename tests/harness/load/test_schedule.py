"""When an open loop's requests are to be sent."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest

from lab.harness.load.schedule import arrivals_ns


@pytest.mark.parametrize(
    ("rate_per_s", "seconds", "count"), [(20_000, 0.2, 4_000), (500, 0.3, 150), (1, 0.0, 1)]
)
def test_there_are_exactly_as_many_as_the_rate_says_and_at_least_one(
    rate_per_s: int, seconds: float, count: int
) -> None:
    due_ns = arrivals_ns(rate_per_s, seconds, random.Random(1))
    assert len(due_ns) == count
    assert list(due_ns) == sorted(due_ns)
    assert 0 <= due_ns[0] <= due_ns[-1] <= seconds * 1e9


def test_the_seed_decides() -> None:
    one, same, other = (arrivals_ns(1_000, 1.0, random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_gaps_vary_as_those_of_a_poisson_process() -> None:
    gaps = [
        after - before for before, after in itertools.pairwise(arrivals_ns(10_000, 1.0, random.Random(1)))
    ]
    assert statistics.stdev(gaps) / statistics.mean(gaps) == pytest.approx(1, abs=0.05)
    assert sum(gap < 100_000 for gap in gaps) / len(gaps) == pytest.approx(1 - 1 / 2.718, abs=0.02)
