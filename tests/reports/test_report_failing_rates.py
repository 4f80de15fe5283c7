"""Samples that failed at an offered rate: the report stands, and the rate was not served."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from test_report_knee import RATES, curve, run

from lab.results import Run, Sample
from reports.analysis.judgement import Judgement, judge
from reports.figures import offered_load
from reports.pages import knees
from reports.pages.summary import markdown

CRASHED: dict[str, Any] = {
    "status": "failed",
    "reason": "server: killed by SIGSEGV",
    "operations": 0,
    "window_s": 0.0,
}
CRASHED |= {"latency": None, "open_loop": None, "cpu_user_s": 0.0, "cpu_system_s": 0.0}


def crashing(crashes: Callable[[Sample], bool], made: Run | None = None) -> Judgement:
    """A run in which ``poll`` crashes in the samples that ``crashes`` picks."""
    made = made or run()
    samples = tuple(
        dataclasses.replace(each, **CRASHED) if each.subject == "poll" and crashes(each) else each
        for each in made.samples
    )
    return judge(dataclasses.replace(made, samples=samples))


def rate_of(sample: Sample) -> int:
    return int(sample.scenario.rpartition("@")[2])


def test_one_failed_sample_leaves_every_rate_and_every_knee_as_they_are() -> None:
    judgement = crashing(lambda each: rate_of(each) == RATES[0] and each.round == 0)
    poll = curve(judgement, "poll")
    assert [point.rate_per_s for point in poll.points] == list(RATES)
    assert knees.bracket(poll) == "20,000 to 40,000"
    assert "| poll | 20,000 to 40,000 |" in markdown(judgement)


@pytest.mark.parametrize(
    ("rates", "bracket"),
    [
        ((40_000, 80_000), "20,000 to 40,000"),
        ((20_000,), "10,000 to 20,000"),
        ((10_000, 20_000), "below 10,000"),
        (RATES, "below 10,000"),
    ],
)
def test_a_rate_at_which_every_sample_failed_was_not_served(rates: tuple[int, ...], bracket: str) -> None:
    judgement = crashing(lambda each: rate_of(each) in rates)
    poll = curve(judgement, "poll")
    assert [point.rate_per_s for point in poll.points] == list(RATES)
    assert not any(point.served for point in poll.points if point.rate_per_s in rates)
    assert knees.bracket(poll) == bracket


@pytest.mark.parametrize(("good", "served"), [(1, False), (2, False), (3, True)])
def test_a_rate_counts_by_its_rounds_the_failed_ones_among_them(good: int, served: bool) -> None:
    judgement = crashing(lambda each: rate_of(each) == 20_000 and each.round >= good)
    point = curve(judgement, "poll").points[1]
    assert (point.served, point.failed) == (served, 5 - good)
    assert point.p99_ms == pytest.approx(0.11)


def test_a_failed_sample_that_was_taken_again_counts_as_the_second_time() -> None:
    made = run()
    again = tuple(
        dataclasses.replace(each, order=each.order + len(made.samples))
        for each in made.samples
        if each.subject == "poll" and rate_of(each) == 20_000 and not each.warmup
    )
    crashed = crashing(lambda each: rate_of(each) == 20_000).run
    judgement = judge(dataclasses.replace(crashed, samples=(*crashed.samples, *again)))
    assert curve(judgement, "poll").points[1].failed == 0
    assert knees.bracket(curve(judgement, "poll")) == "20,000 to 40,000"


def test_a_failure_in_a_warm_up_round_is_no_round() -> None:
    judgement = crashing(lambda each: each.warmup)
    assert [point.failed for point in curve(judgement, "poll").points] == [0, 0, 0, 0]


def test_a_rate_whose_turn_never_came_tells_nothing() -> None:
    made = run()
    taken = tuple(each for each in made.samples if each.subject != "poll" or rate_of(each) == RATES[0])
    judgement = judge(dataclasses.replace(made, samples=taken))
    assert [point.served for point in curve(judgement, "poll").points] == [True, None, None, None]
    assert cells_of(judgement, "poll")[:2] == (("10.0", ""), ("-", "not all were measured"))


def cells_of(judgement: Judgement, subject: str) -> tuple[tuple[str, str], ...]:
    (table,) = knees.tables(judgement)
    return next(cells for name, cells in table.rows if name == subject)


def test_the_table_and_the_sentence_say_that_samples_failed() -> None:
    judgement = crashing(lambda each: rate_of(each) >= 40_000)
    assert cells_of(judgement, "poll")[:2] == (("20.0", ""), ("40.0", "5 samples failed"))
    assert {value for value, _ in cells_of(judgement, "poll")[5:8]} == {"-"}
    (said,) = knees.sentences(judgement)
    assert "20,000 to 40,000 on poll" in said
    assert said.endswith(" A failed sample counts as not served: of poll at 40,000.")
    now_and_then = crashing(lambda each: rate_of(each) == 20_000 and each.round < 2)
    assert cells_of(now_and_then, "poll")[0] == ("20.0", "2 samples failed")


def test_the_line_of_a_picture_stops_where_samples_failed() -> None:
    judgement = crashing(lambda each: rate_of(each) >= 40_000)
    (picture,) = offered_load.draw(judgement)
    assert "poll 20,000 to 40,000" in picture.alt


def test_a_run_in_which_all_samples_failed_has_no_latency_to_draw() -> None:
    made = run()
    samples = tuple(dataclasses.replace(each, **CRASHED) for each in made.samples)
    judgement = judge(dataclasses.replace(made, samples=samples))
    assert knees.bracket(curve(judgement, "poll")) == "below 10,000"
    assert offered_load.draw(judgement) == []
    assert knees.notes(judgement) == []
