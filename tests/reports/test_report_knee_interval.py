"""The interval of a knee: how far the rounds leave it open."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest
from test_report_knee import RATES, curve, latency, run

from lab.results import SubjectRecord
from reports.analysis.judgement import Judgement, judge
from reports.analysis.knee import KneeInterval, LoadCurve, RatePoint, offered_loads
from reports.figures import offered_load
from reports.pages import knees
from reports.pages.summary import markdown

SUBJECT = SubjectRecord("epoll", "mini-loop", "mini-loop on epoll")
EXPERIMENTS = 1_000


def served(*counts: int, rounds: int = 5, told: int | None = None) -> LoadCurve:
    """A subject that served the first rate in ``counts[0]`` rounds, and so on."""
    nothing = dict.fromkeys(("p50_ms", "p99_ms", "uncorrected_p99_ms", "served_per_s", "unserved"), math.nan)
    told = rounds if told is None else told
    return LoadCurve(
        SUBJECT,
        tuple(
            RatePoint(rate, **nothing, told=told, served_in=count, failed=0, limited=False)
            for rate, count in zip(range(1_000, 100_000, 1_000), counts, strict=False)
        ),
        trial=None,
    )


@pytest.mark.parametrize(
    ("counts", "bracket", "interval"),
    [
        ((5, 5, 0, 0), "2,000 to 3,000", "2,000 to 3,000"),
        ((5, 4, 3, 1, 0), "3,000 to 4,000", "1,000 to 5,000"),
        ((4, 5, 5, 0), "3,000 to 4,000", "3,000 to 4,000"),
        ((5, 4, 2, 1), "2,000 to 3,000", "1,000 or more"),
        ((3, 2, 0), "1,000 to 2,000", "below 3,000"),
        ((3, 3, 2), "2,000 to 3,000", "open at both ends"),
        ((5, 5, 4), "3,000 or more", "2,000 or more"),
        ((1, 0), "below 1,000", "below 2,000"),
        ((5, 0, 5, 0), "1,000 to 2,000", "1,000 to 4,000"),
    ],
)
def test_it_runs_from_what_every_round_served_to_what_none_did(
    counts: tuple[int, ...], bracket: str, interval: str
) -> None:
    found = served(*counts)
    assert knees.bracket(found) == bracket
    assert knees.ranged(found) == (bracket if interval == bracket else f"{bracket} ({interval})")


def test_with_nine_rounds_one_to_each_side_is_spared() -> None:
    assert served(9, 8, 8, 1, 0, rounds=9).interval == KneeInterval(3_000, 4_000)
    assert served(8, 7, 7, 1, 0, rounds=8).interval == KneeInterval(1_000, 5_000)


def test_rounds_that_do_not_tell_are_no_ends() -> None:
    assert served(2, 2, 0, rounds=5, told=2).interval is None
    known = served(5, 5, 0, 0)
    limited = dataclasses.replace(known.points[2], told=2)
    points = (*known.points[:2], limited, known.points[3])
    assert dataclasses.replace(known, points=points).interval == KneeInterval(2_000, 4_000)


@pytest.mark.parametrize("rounds", [5, 9, 12])
@pytest.mark.parametrize("steepness", [1.0, 4.0])
def test_the_knee_lies_in_it_in_at_least_93_of_100_experiments(rounds: int, steepness: float) -> None:
    rng = np.random.default_rng(rounds)
    rates = np.arange(1, 15)
    chance = 1 / (1 + np.exp(steepness * (rates - 7.6)))  # of serving a rate in one round: the knee is at 7
    counts = rng.binomial(rounds, chance, (EXPERIMENTS, len(rates)))
    found = [served(*map(int, each), rounds=rounds).interval for each in counts]
    held = [each is not None and (each.low or 0) <= 7_000 < (each.high or math.inf) for each in found]
    assert np.mean(held) >= 0.93


def disturbed(rounds: int, slow_rounds: int) -> Judgement:
    """A run in which epoll is slow at 20,000 and at 40,000 in the first ``slow_rounds`` rounds."""
    made = run(rounds=rounds)
    samples = tuple(
        dataclasses.replace(each, latency=latency(50_000_000, 5_000))
        if each.subject == "epoll"
        and each.scenario.endswith(("@20000", "@40000"))
        and 0 <= each.round < slow_rounds
        else each
        for each in made.samples
    )
    return judge(dataclasses.replace(made, samples=samples))


def test_every_place_that_tells_a_knee_tells_its_interval() -> None:
    judgement = disturbed(rounds=5, slow_rounds=1)
    told = "40,000 to 80,000 (10,000 to 80,000)"
    assert knees.ranged(curve(judgement, "epoll")) == told
    (said,) = knees.sentences(judgement)
    assert (
        f"intended send (in brackets the interval, where it is wider): 80,000 or more on the floor, {told} on"
        in said
    )
    assert f"| epoll | {told} |" in markdown(judgement) and "| poll | 20,000 to 40,000 |" in markdown(
        judgement
    )
    (picture,) = offered_load.draw(judgement)
    assert f"epoll {told}" in picture.alt and "its interval" in picture.caption
    (table,) = knees.tables(judgement)
    column = table.headings.index("interval, per second")
    intervals = {name: cells[column] for name, cells in table.rows}
    assert intervals["epoll"] == ("10,000 to 80,000", "") and intervals["asyncio"] == ("10,000 to 20,000", "")
    scenario = judgement.scenarios[0].scenario
    assert knees.kept_up(judgement, scenario, ["epoll"]) == (
        "epoll keeps up to 40,000 requests/s (interval 10,000 to 80,000)."
    )


def test_on_fewer_than_three_rounds_there_is_none_and_it_is_said() -> None:
    judgement = judge(run(rounds=2))
    assert [each.interval for each in offered_loads(judgement)[0].curves] == [None] * 5
    (said,) = knees.sentences(judgement)
    assert "intended send (without an interval, on fewer than 3 rounds): 80,000 or more on the floor" in said
    assert "p99 below 10 ms (without an interval, on fewer than 3 rounds):" in markdown(judgement)
    (table,) = knees.tables(judgement)
    assert {cells[2] for _, cells in table.rows} == {("-", "fewer than 3 rounds")}
    assert len(offered_load.draw(judgement)) == 1


def test_on_fewer_than_five_rounds_it_is_called_indicative() -> None:
    said = "(in brackets the interval, where it is wider, indicative)"
    assert said in markdown(disturbed(rounds=3, slow_rounds=1))
    assert said not in markdown(disturbed(rounds=5, slow_rounds=1))


def test_a_knee_on_which_all_rounds_agree_stands_without_brackets() -> None:
    judgement = judge(run(rounds=3))
    (said,) = knees.sentences(judgement)
    assert "intended send: 80,000 or more on the floor, 40,000 to 80,000 on epoll" in said
    curves = {each.subject.name: each.interval for each in offered_loads(judgement)[0].curves}
    assert curves["select"] == KneeInterval(None, 10_000)
    assert all((low, high) in pairwise(RATES) for low, high in [(curves["poll"].low, curves["poll"].high)])
