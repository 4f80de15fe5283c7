"""How steady the machine was: the speed of each slice over the run, in a figure and in a sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from outline import Outline
from synthetic_run import SUBJECTS, SyntheticRun, echo

from lab.results import Run, Sample
from reports.analysis.judgement import judge
from reports.analysis.steadiness import Steadiness, steadiness
from reports.figures import machine_speed
from reports.figures.registry import FIGURES
from reports.pages.page import html
from reports.pages.steadiness import corrected, sentence, statement

SLICE_S = 0.05


def slices(sample: Sample, started_at: str, yardsticks_ns: tuple[int, ...]) -> Sample:
    """``sample`` with a slice between any two yardsticks."""
    count = len(yardsticks_ns) - 1
    return replace(
        sample,
        started_at=started_at,
        setup_s=1.0,
        window_s=count * SLICE_S,
        slice_cpu_s=(sample.cpu_s / count,) * count,
        yardstick_ns=yardsticks_ns,
    )


def judged(run: Run) -> Steadiness | None:
    judgement = judge(run)
    return steadiness(run.samples, judgement.core)


@pytest.fixture(scope="module")
def run() -> Run:
    """Two rounds of two subjects and a warm-up; the core is slow in two of twelve slices."""
    plan = SyntheticRun(scenarios=(echo(),), subjects=SUBJECTS[2:4], rounds=2).build()
    times = [(100, 100, 100), (100, 100, 300), (100, 100, 100), (300, 100, 100), (100, 100, 100), (100,) * 3]
    minutes = ["03:00", "03:01", "03:02", "03:03", "05:30", "05:31"]
    samples = [
        slices(sample, f"2026-01-02T{minute}:00+00:00", yardsticks_ns)
        for sample, minute, yardsticks_ns in zip(plan.samples, minutes, times, strict=True)
    ]
    return replace(plan, samples=tuple(samples))


def test_every_slice_has_its_speed_and_its_moment(run: Run) -> None:
    found = judged(run)
    assert found is not None
    assert list(found.speeds) == [1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert list(found.minutes[:3] * 60) == pytest.approx([1.025, 1.075, 61.025])
    assert found.slow == pytest.approx(2 / 12)


def test_slices_that_alternate_with_those_of_others_stand_at_their_own_moments(run: Run) -> None:
    first, second = (
        replace(
            slices(sample, "2026-01-02T03:00:00+00:00", yardsticks_ns=(100, 100, 100)),
            yardstick_ns=yardsticks_ns,
            slice_starts_s=starts_s,
        )
        for sample, yardsticks_ns, starts_s in zip(
            run.samples[2:4],
            [(100, 100, 100, 300), (100, 100, 300, 300)],
            [(2.0, 2.2), (2.1, 2.3)],
            strict=True,
        )
    )
    found = judged(replace(run, samples=(first, second)))
    assert found is not None
    assert list(found.minutes * 60) == pytest.approx([2.025, 2.125, 2.225, 2.325])
    assert list(found.speeds) == pytest.approx([1.0, 1.0, 0.5, 1 / 3])


def test_the_break_of_a_run_that_was_resumed_is_left_out(run: Run) -> None:
    found = judged(run)
    assert found is not None
    assert found.minutes[-1] < 5
    assert found.rounds == {0: pytest.approx(2.0), 1: pytest.approx(3.0)}


def test_without_yardsticks_nothing_is_said_or_drawn() -> None:
    judgement = judge(SyntheticRun(scenarios=(echo(),), rounds=2).build())
    assert statement(judgement) == ""
    assert machine_speed.draw(judgement) == []


@pytest.mark.parametrize(
    ("speeds", "said"),
    [
        ([1.0] * 20, "The measured core ran at 75 % of its full speed or more in all 20 slices."),
        (
            [0.5] * 5 + [1.0] * 15,
            "The measured core ran below 75 % of its full speed in 25 % of 20 slices, and at 50 % or less "
            "in one of twenty.",
        ),
        (
            [0.5] + [1.0] * 1999,
            "The measured core ran below 75 % of its full speed in less than 1 % of 2,000 slices.",
        ),
    ],
)
def test_a_sentence_says_how_often_the_core_was_slow(speeds: list[float], said: str) -> None:
    assert sentence(Steadiness(np.zeros(len(speeds)), np.array(speeds), {}, 0.0)).startswith(said)


def test_the_page_has_the_figure_and_the_sentence(run: Run) -> None:
    judgement = judge(run)
    pictures = {key: [] for key in FIGURES} | {"machine speed": FIGURES["machine speed"](judgement)}
    page = Outline(html(judgement, pictures))
    assert "below 75 % of its full speed in 17 % of 12 slices" in page.text
    assert any("17 % of 12 slices" in label for label in page.labels)


def test_of_a_long_run_few_slices_are_drawn_and_the_caption_says_so(run: Run) -> None:
    many = replace(run.samples[0], slice_cpu_s=(0.001,) * 2000, yardstick_ns=(100,) * 2001)
    (picture,) = machine_speed.draw(judge(replace(run, samples=(many,))))
    assert "1,500 of 2,000 slices are drawn, evenly chosen." in picture.caption
    assert picture.svg.count("<use ") < 1600


@pytest.mark.parametrize(
    ("sensitivity", "said"),
    [
        (
            None,
            "How costs follow it, so few samples do not tell: they stand as they were accounted, and do not "
            "compare with those of a run that gives them at full speed.",
        ),
        (0.0, "From one moment to another costs did not follow it; all are given at full speed."),
        (
            0.5,
            "At 75 % of another moment's speed costs came out 15.5 % higher than there; they are given at "
            "full speed.",
        ),
        (
            1.0,
            "At 75 % of another moment's speed costs came out 33.3 % higher than there; they are given at "
            "full speed.",
        ),
    ],
)
def test_what_is_made_of_a_slow_core_is_said(sensitivity: float | None, said: str) -> None:
    assert corrected(sensitivity) == said
