"""What a seasoned allocator changes: against a run with a known answer, on the page and in the summary."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic_run import CONTROL, SUBJECTS, SyntheticRun, echo, idle

from lab.results import ScenarioRecord, SubjectRecord
from reports.analysis.judgement import Judgement, judge
from reports.analysis.scaling import scalings
from reports.analysis.seasoning import seasonings
from reports.figures.registry import FIGURES
from reports.pages import growth, seasoning
from reports.pages.page import html
from reports.pages.summary import markdown

SEASONED_SHARE = 0.3


def seasoned(scenario: ScenarioRecord) -> ScenarioRecord:
    changes = {"id": f"{scenario.id}+seasoned", "title": f"{scenario.title}, seasoned allocator"}
    return dataclasses.replace(scenario, allocator="seasoned", **changes)


class TwoPrices(SyntheticRun):
    """The control, and it alone, costs less in a seasoned process."""

    def cost_us(self, subject: SubjectRecord, scenario: ScenarioRecord) -> float:
        is_cheap = scenario.allocator == "seasoned" and CONTROL in (subject.name, subject.twin_of)
        return super().cost_us(subject, scenario) * (SEASONED_SHARE if is_cheap else 1)


def judged(*scenarios: ScenarioRecord, rounds: int = 7) -> Judgement:
    return judge(TwoPrices(scenarios=scenarios, rounds=rounds, noise=0.01).build())


def test_each_subject_is_compared_with_itself_in_the_other_state() -> None:
    (found,) = seasonings(judged(echo(), seasoned(echo())))
    assert found.fresh == echo()
    ratios = {cell.fresh.subject.name: cell.compared for cell in found.cells}
    assert set(ratios) == {subject.name for subject in SUBJECTS if not subject.twin_of}
    assert {name for name, compared in ratios.items() if compared.told_apart} == {CONTROL}
    assert ratios[CONTROL].ratio is not None
    assert ratios[CONTROL].ratio.value == pytest.approx(SEASONED_SHARE, rel=0.05)


def test_only_scenarios_that_differ_in_the_state_alone_are_compared() -> None:
    assert seasonings(judged(echo(64), seasoned(echo(1)))) == []
    assert seasonings(judged(echo(64), echo(1))) == []


def test_what_did_not_run_in_both_states_is_left_out() -> None:
    pair = idle(1000), seasoned(idle(1000))
    (found,) = seasonings(judged(*pair))
    assert "select" not in {cell.fresh.subject.name for cell in found.cells}


def test_a_sentence_says_whose_price_changes_and_whose_does_not() -> None:
    (said,) = seasoning.sentences(judged(echo(), seasoned(echo())))
    expected = f"Echo over sockets, 64 connections, 1 KiB: of what each takes fresh: {CONTROL} 0.30x ("
    assert said.startswith(expected)
    assert "); no difference beyond noise for select, poll" in said


def test_many_scenarios_are_few_sentences() -> None:
    fresh = [echo(connections) for connections in (1, 2, 4, 8, 16, 32)]
    said = seasoning.sentences(judged(*fresh, *map(seasoned, fresh), rounds=5))
    assert len(said) == seasoning.SENTENCES_AT_MOST + 1
    assert said[-1] == "Prices change in 2 scenarios more."


def test_that_nothing_changes_is_said_too() -> None:
    others = tuple(subject for subject in SUBJECTS if subject.kind == "mini-loop")
    run = TwoPrices(scenarios=(echo(), seasoned(echo())), subjects=others, noise=0.01).build()
    assert seasoning.sentences(judge(run)) == ["No difference beyond noise for anybody in 1 scenario."]


def test_the_states_are_no_points_of_one_curve() -> None:
    points = idle(10), idle(1000)
    judgement = judged(*points, *map(seasoned, points))
    assert [family.allocator for family in scalings(judgement)] == ["fresh", "seasoned"]
    fresh, other = growth.tables(judgement)
    assert "seasoned" not in fresh.title
    assert other.title.endswith("seasoned allocator)")


def test_page_and_summary_show_it_where_it_was_measured() -> None:
    both, one = judged(echo(), seasoned(echo())), judged(echo())
    no_pictures = {section: [] for section in FIGURES}
    assert "Fresh and seasoned allocator" in html(both, no_pictures)
    assert "Fresh and seasoned allocator" not in html(one, no_pictures)
    assert "- **With a seasoned allocator:** Echo over sockets" in markdown(both)
    assert "seasoned" not in markdown(one)
