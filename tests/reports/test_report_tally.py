"""A run of which too little is left says so, and points only to where something stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from outline import Outline
from synthetic_run import SUBJECTS, SyntheticRun, echo, write_folder

from lab.results import NotRun, Run
from reports import write_report
from reports.analysis.judgement import judge
from reports.pages import context, summary, tally

FAILED = {"status": "failed", "reason": "expected a reply, got silence", "operations": 0}


def run_of(keep: int | None = None, failed: int = 0, **changes: Any) -> Run:
    """A run of one scenario, ``keep`` of its samples taken, the last ``failed`` of them failed."""
    chosen = {"scenarios": (echo(),), "rounds": 3, "not_run": ()} | changes
    run = SyntheticRun(**chosen).build()
    samples = tuple(each for each in run.samples if not each.warmup)[:keep]
    good = len(samples) - failed
    bad = tuple(dataclasses.replace(each, **FAILED) for each in samples[good:])
    record = dataclasses.replace(run.record, warmup_rounds=0)
    return dataclasses.replace(run, record=record, samples=(*samples[:good], *bad))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (run_of(0), "No sample was taken."),
        (run_of(1), "1 sample was taken, and it counts. None failed."),
        (run_of(2), "2 samples were taken, and all count. None failed."),
        (run_of(1, failed=1), "1 sample was taken, none counts."),
        (run_of(2, failed=1), "2 samples were taken, 1 counts."),
        (run_of(5, failed=2), "5 samples were taken, 3 count."),
    ],
)
def test_the_samples_are_counted_in_plain_words(run: Run, said: str) -> None:
    assert tally.taken(judge(run)) == said


@pytest.mark.parametrize(
    ("run", "headline", "way_on"),
    [
        (
            run_of(0, status="interrupted"),
            "This run holds no sample, so there is nothing to judge.",
            "Continue it with: muxlab bench --resume synthetic",
        ),
        (
            run_of(1, failed=1, status="interrupted"),
            "The only sample of this run failed, so there is nothing to judge.",
            "'Failed samples' below says what was expected and what came. "
            "Continue it with: muxlab bench --resume synthetic",
        ),
        (
            run_of(failed=27, not_run=(NotRun("kqueue", None, "not here"),)),
            "All 27 samples of this run failed, so there is nothing to judge.",
            "'Failed samples' below says what was expected and what came. "
            "'Not run, and why' lists what cannot run here.",
        ),
        (
            dataclasses.replace(run_of(0), damage=("line 1 is damaged",)),
            "This run holds no sample, so there is nothing to judge.",
            "'Environment and warnings' names what could not be read. "
            "Continue it with: muxlab bench --resume synthetic",
        ),
        (
            run_of(0),
            "This run holds no sample, so there is nothing to judge.",
            "Continue it with: muxlab bench --resume synthetic",
        ),
        (
            run_of(subjects=SUBJECTS[7:8]),
            "No loop of this run has a sample that counts, so there is nothing to judge.",
            "Begin a new run: this one has nothing left to measure.",
        ),
    ],
)
def test_without_a_verdict_the_page_and_the_summary_say_why_and_what_to_do(
    run: Run, headline: str, way_on: str
) -> None:
    judgement = judge(run)
    assert context.context(judgement)["headline"] == headline
    assert context.answer_rows(judgement, None) == [("What to do", way_on)]
    text = summary.markdown(judgement)
    assert text.startswith(f"# {headline}") and way_on in text


@pytest.mark.parametrize(
    ("run", "banner"),
    [
        (run_of(0, status="interrupted"), "This run ended before its first sample."),
        (run_of(1, status="interrupted"), "This run ended early, after 1 of 27 samples."),
        (run_of(26), "This run is recorded as complete: expected 27 samples, got 26."),
        (run_of(3, failed=1), "1 of 3 samples failed; it is excluded from every figure."),
        (run_of(3, failed=2), "2 of 3 samples failed; they are excluded from every figure."),
        (run_of(3, failed=3), "All 3 samples failed, so there is no figure to show."),
    ],
)
def test_a_banner_says_how_much_is_missing(run: Run, banner: str) -> None:
    assert banner in [each.what for each in context.context(judge(run))["banners"]]


def test_a_cell_that_was_given_up_lacks_nothing() -> None:
    banners = [each.what for each in context.context(judge(run_of(26, failed=3)))["banners"]]
    assert "3 of 26 samples failed; they are excluded from every figure." in banners
    assert not any("recorded as complete" in each for each in banners)


def test_one_round_without_warm_up_is_called_that(tmp_path: Path) -> None:
    run = run_of(rounds=1, subjects=SUBJECTS[2:3])
    write_folder(dataclasses.replace(run, folder=tmp_path))
    text = Outline(write_report(tmp_path).html.read_text("utf-8")).text
    assert "Seed 7; 1 round, windows of 0.5 s." in text
    assert "1 sample was taken, and it counts. None failed." in text
