"""The widest interval of a run."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic_run import SUBJECTS, SyntheticRun, echo, idle

from lab.results import Run
from reports import widest_interval
from reports.analysis.judgement import judge


def run(**changes: object) -> Run:
    return SyntheticRun(**({"scenarios": (echo(), idle(10))} | changes)).build()  # type: ignore[arg-type]


def test_it_is_the_widest_of_those_that_the_report_shows() -> None:
    made = run(rounds=7)
    found = widest_interval(made.record, made.samples)
    shown = {
        (judged.scenario.id, name): cell.to_control.ratio.width
        for judged in judge(made).scenarios
        for name, cell in judged.cells.items()
    }
    assert found is not None
    assert found.width == pytest.approx(max(shown.values()))
    assert shown[found.scenario, found.subject] == pytest.approx(found.width)


def test_more_rounds_make_it_narrower() -> None:
    few, many = run(rounds=5), run(rounds=40)
    assert widest_interval(many.record, many.samples).width < widest_interval(few.record, few.samples).width


def test_too_few_rounds_have_no_interval_that_holds() -> None:
    made = run(rounds=4)
    assert widest_interval(made.record, made.samples) is None


def test_a_subject_that_failed_does_not_hold_up_the_others() -> None:
    made = run(rounds=6, noise=0.01)
    samples = [
        dataclasses.replace(s, status="failed") if s.subject == "epoll" and s.round > 1 else s
        for s in made.samples
    ]
    assert widest_interval(made.record, samples).subject != "epoll"


def test_without_a_control_there_is_no_ratio() -> None:
    made = run(subjects=SUBJECTS[:3])
    assert widest_interval(made.record, made.samples) is None
