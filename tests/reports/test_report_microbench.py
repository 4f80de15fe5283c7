"""Microbenchmarks come from another program: what is odd in them makes a row shorter, and nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reports.analysis.microbench import MicrobenchRow, microbench_rows

ODD = (None, True, 1, 10**400, math.inf, math.nan, "x", [], [1], {}, {"a": 1})
STATS = {"median": 2.0, "q1": 1.0, "q3": 3.0, "rounds": 5}
ENTRY = {"group": "g", "name": "test_a_wait[poll]", "params": {"backend": "poll"}, "stats": STATS}
ROW = MicrobenchRow("g", "a wait", {"backend": "poll"}, 2e9, 1e9, 3e9, 5)


def rows(**changes: Any) -> list[MicrobenchRow]:
    return microbench_rows({"benchmarks": [ENTRY | changes]})


def test_an_entry_is_a_row_in_nanoseconds() -> None:
    assert rows() == [ROW]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", STATS)
def test_an_odd_figure_leaves_the_others_as_they_are(name: str, odd: Any) -> None:
    (row,) = rows(stats=STATS | {name: odd})
    field = {"median": "median_ns", "q1": "low_ns", "q3": "high_ns", "rounds": "rounds"}[name]
    others = {"median_ns", "low_ns", "high_ns", "rounds"} - {field}
    assert {each: getattr(row, each) for each in others} == {each: getattr(ROW, each) for each in others}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ENTRY)
def test_an_odd_entry_is_still_a_row(name: str, odd: Any) -> None:
    assert len(rows(**{name: odd})) == 1


@pytest.mark.parametrize("odd", ODD)
def test_a_document_without_entries_has_no_rows(odd: Any) -> None:
    assert microbench_rows(odd) == []
    assert microbench_rows({"benchmarks": odd}) == []
