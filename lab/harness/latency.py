"""Raw latencies -> the record that a sample carries. Runs after the window, never in it.

The raw ones of several load processes are put together before anything is made of them: percentiles of parts
cannot be averaged, nor taken from a histogram without its coarseness. They come through files, as they are.
"""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.results import LatencyRecord

BUCKET_GROWTH = 1.05
"""Neighbouring buckets of the histogram lie 5 % apart: finer than what any figure shows."""


def write_raw(path: str, raw_ns: array[int], count: int) -> None:
    """The first ``count`` of ``raw_ns``, as they stand in memory, behind what is in the file ``path``."""
    with open(path, "ab") as file:
        file.write(memoryview(raw_ns)[:count])


def read_raw(paths: Iterable[str]) -> array[int]:
    """What `write_raw` put into the files ``paths``, one after the other."""
    raw_ns = array("q")
    for path in paths:
        with open(path, "rb") as file:
            raw_ns.frombytes(file.read())
    return raw_ns


def latency_record(raw_ns: Iterable[int]) -> LatencyRecord | None:
    """Percentiles and histogram of ``raw_ns``, nanoseconds in any order; None if there are none.

    A percentile is the smallest time that at least that share of the operations did not exceed.
    """
    # Imported here: the load process does without the records, which take a quarter of its start.
    from lab.results import LatencyRecord

    ordered = sorted(raw_ns)
    if not ordered:
        return None
    edges, counts = _histogram(ordered)
    return LatencyRecord(
        count=len(ordered),
        min_ns=ordered[0],
        mean_ns=sum(ordered) / len(ordered),
        p50_ns=_percentile(ordered, 500),
        p90_ns=_percentile(ordered, 900),
        p99_ns=_percentile(ordered, 990),
        p999_ns=_percentile(ordered, 999),
        max_ns=ordered[-1],
        bucket_upper_ns=edges,
        bucket_counts=counts,
    )


def _percentile(ordered: list[int], per_mille: int) -> int:
    rank = -(-len(ordered) * per_mille // 1000)
    return ordered[max(rank, 1) - 1]


def _histogram(ordered: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Upper edges (inclusive) and counts of the buckets that hold anything, ascending.

    The edges are powers of `BUCKET_GROWTH`, the same for every sample, so that histograms can be added up.
    """
    edges: list[int] = []
    counts: list[int] = []
    below, power = 0, math.floor(math.log(max(ordered[0], 1), BUCKET_GROWTH)) - 1
    while below < len(ordered):
        edge = math.ceil(BUCKET_GROWTH**power)
        upto = bisect.bisect_right(ordered, edge)
        if upto > below:
            edges.append(edge)
            counts.append(upto - below)
        below, power = upto, power + 1
    return tuple(edges), tuple(counts)
