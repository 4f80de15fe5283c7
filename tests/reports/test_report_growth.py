"""What each descriptor adds to the cost: against known lines, against scipy, and in words."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from synthetic_run import SLOPE_US, SUBJECTS, SyntheticRun, echo, idle, ring

from lab.results import SubjectRecord
from reports.analysis.answer import answer
from reports.analysis.estimate import Estimate, median_interval
from reports.analysis.judgement import Judgement, judge
from reports.analysis.line import Line, lines
from reports.analysis.scaling import Curve, Scaling, main_scalings
from reports.pages.context import answer_rows
from reports.pages.growth import _adding, _changing, markdown_table, sentences, tables, verdict
from reports.pages.summary import markdown

AXIS = np.array([100.0, 1_000.0, 5_000.0, 15_000.0])
EXPERIMENTS = 20_000


def noisy(rounds: int, fixed: float, each: float, experiments: int = EXPERIMENTS) -> np.ndarray:
    """Costs of points on a line, with noise in proportion and rounds that are slower as a whole."""
    rng = np.random.default_rng(rounds)
    whole = np.exp(rng.normal(0, 0.05, (experiments, rounds, 1)))
    return (fixed + each * AXIS) * whole * np.exp(rng.normal(0, 0.03, (experiments, rounds, len(AXIS))))


def judged(**changes: object) -> Judgement:
    scenarios = (echo(), idle(10), idle(1000), idle(5000), ring(100), ring(4000))
    shape = {"scenarios": scenarios, "subjects": SUBJECTS[:3] + SUBJECTS[5:6] + SUBJECTS[8:]}
    return judge(SyntheticRun(**(shape | changes)).build())  # type: ignore[arg-type]


def line_of(judgement: Judgement, subject: str) -> Line:
    (family, _) = main_scalings(judgement)
    found = next(curve.line for curve in family.curves if curve.subject.name == subject)
    assert found is not None
    return found


def test_each_line_is_the_one_of_scipy() -> None:
    costs = noisy(9, fixed=7.0, each=0.008, experiments=1)[0]
    fixed, each = lines(AXIS, costs)
    expected = [scipy.stats.linregress(AXIS, row) for row in costs]
    assert each == pytest.approx([line.slope for line in expected])
    assert fixed == pytest.approx([line.intercept for line in expected])


@pytest.mark.parametrize("each", [0.0, 0.008])
@pytest.mark.parametrize("rounds", [5, 9])
def test_the_interval_holds_what_each_adds_in_93_to_97_of_100_experiments(rounds: int, each: float) -> None:
    _, found = lines(AXIS, noisy(rounds, fixed=7.0, each=each))
    low, high = median_interval(found)
    assert 0.93 <= np.mean((low <= each) & (each <= high)) <= 0.97


def test_what_is_known_of_a_run_is_found() -> None:
    judgement = judged(rounds=9, noise=0.01, drift=0.2)
    poll, epoll = line_of(judgement, "poll"), line_of(judgement, "epoll")
    assert poll.each_us.value == pytest.approx(SLOPE_US["poll"], rel=0.15)
    assert poll.grows and poll.rise == pytest.approx(0.008 * 4990 / (7.9 + 0.008 * 74), rel=0.1)
    assert poll.misfit < 0.1
    assert not epoll.grows and not epoll.falls
    assert epoll.each_us.low < 0 < epoll.each_us.high
    assert verdict(epoll) == "does not grow beyond noise"


@pytest.mark.parametrize(
    ("each_us", "said"),
    [
        (Estimate(0.02, 0.01, 0.03, 9), "grows"),
        (Estimate(-0.02, -0.03, -0.01, 9), "falls"),
        (Estimate(0.02, -0.01, 0.03, 9), "does not grow beyond noise"),
        (Estimate(0.0005, 0.0004, 0.0006, 9), "does not grow beyond noise"),
        (Estimate(0.02, 0.01, 0.03, 4), "not measurable here"),
    ],
)
def test_growth_must_leave_out_nought_and_exceed_the_noise(each_us: Estimate, said: str) -> None:
    line = Line(Estimate(10.0, 9.0, 11.0, 9), each_us, 0, 1_000, misfit=0.0, noise_floor=0.06)
    assert verdict(line) == said


def test_a_cost_that_follows_no_line_says_how_far_it_is_off() -> None:
    step = np.array([[10.0, 10.0, 10.0, 100.0]] * 5)
    fixed, each = lines(AXIS, step)
    off = np.max(np.abs(fixed[0] + each[0] * AXIS - step[0]) / step[0])
    assert off > 0.5


def test_four_rounds_are_not_measurable() -> None:
    judgement = judged(rounds=4)
    assert verdict(line_of(judgement, "poll")) == "not measurable here"
    assert sentences(judgement)[0] == "From 10 to 5,000 idle connections (idle): select cannot run 1,000."


def test_the_sentence_has_a_number_for_who_pays_and_for_who_does_not() -> None:
    first, second = sentences(judged())
    assert first.startswith("From 10 to 5,000 idle connections (idle): each further idle connection adds ")
    assert ") on poll" in first and ", nothing beyond noise on " in first
    assert first.endswith("; select cannot run 1,000.")
    assert "(ring): each further pair adds " in second


def family_of(each_ns: dict[str, tuple[float, float, float]]) -> Scaling:
    """Lines over 100 to 1,100 pairs at 10 us: by subject what each pair adds, and its interval."""
    curves = []
    for name, (value, low, high) in each_ns.items():
        each_us = Estimate(value / 1e3, low / 1e3, high / 1e3, 9)
        line = Line(Estimate(10.0, 9.0, 11.0, 9), each_us, 100, 1_100, misfit=0.0, noise_floor=0.01)
        curves.append(Curve(SubjectRecord(name, "mini-loop", name), (), ends=None, line=line))
    return Scaling("ring", "Ring", "event", "pairs", None, {}, (100, 1_100), tuple(curves), 0.01)


@pytest.mark.parametrize(
    ("each_ns", "said"),
    [
        (
            {"a": (0.1, -1, 1), "b": (0.2, -1, 1), "poll": (9.0, 8, 10), "c": (-0.4, -1, 1)},
            "9 ns (8 to 10) on poll, nothing beyond noise on the 3 others (intervals within 1 ns)",
        ),
        (
            {"a": (0.3, 0.2, 0.4), "b": (0.2, -1, 1), "poll": (9.0, 8, 10), "c": (0.1, -1, 1)},
            "9 ns (8 to 10) on poll, at most 1 ns, by the intervals, on the 3 others",
        ),
        ({"poll": (9.0, 8, 10), "epoll": (2, 1, 3)}, "9 ns (8 to 10) on poll and 2 ns (1 to 3) on epoll"),
        (
            {"poll": (9.0, 8, 10), "a": (2, -1, 3)},
            "9 ns (8 to 10) on poll, nothing beyond noise on a (-1 to 3 ns)",
        ),
        (
            {"a": (3, -1, 4), "b": (2, -1, 3), "c": (-1, -2, 3)},
            "nothing beyond noise on all 3 (intervals within 4 ns)",
        ),
    ],
)
def test_who_pays_is_named_and_who_hardly_does_is_summed_up(
    each_ns: dict[str, tuple[float, float, float]], said: str
) -> None:
    assert _adding(family_of(each_ns)) == [f"each further pair adds {said}"]


@pytest.mark.parametrize(
    ("each_ns", "said"),
    [
        (
            {"a": (0.1, -1, 1), "b": (0.2, -1, 1), "poll": (9.0, 8, 10), "c": (-0.4, -1, 1)},
            "grows on poll, not beyond noise on the 3 others",
        ),
        (
            {"a": (0.3, 0.2, 0.4), "b": (0.2, -1, 1), "poll": (9.0, 8, 10), "c": (0.1, -1, 1)},
            "grows on poll, hardly on the 3 others",
        ),
        ({"poll": (9.0, 8, 10), "epoll": (-2, -3, -1)}, "grows on poll, falls on epoll"),
        ({"poll": (9.0, 8, 10), "a": (2, -1, 3)}, "grows on poll, not beyond noise on a"),
        ({"a": (3, -1, 4), "b": (2, -1, 3), "c": (-1, -2, 3)}, "does not grow beyond noise on all 3"),
    ],
)
def test_beside_the_table_it_is_said_who_pays_and_not_how_much(
    each_ns: dict[str, tuple[float, float, float]], said: str
) -> None:
    assert _changing(family_of(each_ns)) == [f"the cost {said}"]


def test_the_summary_points_to_the_table_and_the_page_has_the_figures_in_words() -> None:
    judgement = judged(rounds=9, noise=0.01)
    (line,) = [each for each in markdown(judgement).splitlines() if "With more descriptors" in each]
    assert "From 10 to 5,000 idle connections (idle): the cost grows on " in line
    assert line.endswith("By how much, a table below says.") and " ns" not in line
    assert any(" ns (" in text for _, text in answer_rows(judgement, answer(judgement)))


def test_the_summary_and_the_page_have_the_intervals() -> None:
    judgement = judged(noise=0.01)
    heads = "| subject | idle: each further idle connection, ns | ring: each further pair, ns |"
    assert heads in markdown(judgement)
    assert tables(judgement)[0].title.startswith("idle (active 64")
    rows = dict(tables(judgement)[0].rows)
    assert rows["epoll"][3] == ("does not grow beyond noise", "")
    assert " to " in rows["poll"][1][1]


def test_without_an_axis_there_is_nothing_to_say() -> None:
    judgement = judge(SyntheticRun(scenarios=(echo(),)).build())
    assert (sentences(judgement), tables(judgement), markdown_table(judgement)) == ([], [], "")
