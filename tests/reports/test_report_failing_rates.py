"""Samples that failed at an offered rate: the report stands, and the rate was not served."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from test_report_knee import RATES, curve, run

from lab.results import Run, Sample
from reports.analysis.judgement import Judgement, judge
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
