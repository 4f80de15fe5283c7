"""Where one subject stands in a run."""

from __future__ import annotations

import pytest
from synthetic_run import COSTS_US, SLOPE_US, SyntheticRun, echo, idle, ring

from reports.analysis.judgement import Judgement, judge
from reports.analysis.standing import standing


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    scenarios = (echo(64), idle(100), idle(5000), ring(100), ring(4000))
    return judge(SyntheticRun(scenarios=scenarios, rounds=3).build())


def test_it_has_the_first_scenario_of_each_workload(judgement: Judgement) -> None:
    cells = standing(judgement, "epoll").cells
    assert [cell.scenario.id for cell in cells] == [echo(64).id, idle(100).id, ring(100).id]
    assert cells[0].cost and cells[0].to_control and cells[0].to_control.ratio
    assert cells[0].cost.value == pytest.approx(COSTS_US["epoll"], rel=0.1)
    assert cells[0].to_control.ratio.value == pytest.approx(COSTS_US["epoll"] / COSTS_US["asyncio"], rel=0.1)


def test_growth_is_told_where_two_points_were_measured_or_the_reason_why_not(judgement: Judgement) -> None:
    (idle_family, among_idle), (ring_family, in_ring) = standing(judgement, "poll").growths
    assert (idle_family.workload, ring_family.workload) == ("idle", "ring")
    assert (among_idle.line.first, among_idle.line.last) == (100, 5000)
    assert in_ring.line.each_us.value == pytest.approx(2 * SLOPE_US["poll"], rel=0.1)
    ends = [curve.ends for _, curve in standing(judgement, "select").growths]
    assert all("below 1,024 only" in reason for _, reason in ends)
    assert [first for first, _ in ends] == [5000, 4000]


def test_who_was_not_measured_has_no_standing(judgement: Judgement) -> None:
    found = standing(judgement, "kqueue")
    assert (found.cells, found.growths) == ((), ())
