"""What a fresh allocator changes: against a run with a known answer, on the page and in the summary."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from synthetic_run import CONTROL, SUBJECTS, SyntheticRun, echo, idle

from lab.results import NotRun, ScenarioRecord, SubjectRecord
from reports.analysis.answer import answer
from reports.analysis.judgement import Judgement, judge
from reports.analysis.scaling import scalings
from reports.analysis.seasoning import seasonings
from reports.figures.registry import FIGURES
from reports.pages import growth, seasoning
from reports.pages.page import html
from reports.pages.summary import markdown

FRESH_TIMES = 3.0


def fresh(scenario: ScenarioRecord) -> ScenarioRecord:
    changes = {"id": f"{scenario.id}+fresh", "title": f"{scenario.title}, fresh allocator"}
    return dataclasses.replace(scenario, allocator="fresh", **changes)


class TwoPrices(SyntheticRun):
    """The control, and it alone, costs more in a fresh process."""

    def cost_us(self, subject: SubjectRecord, scenario: ScenarioRecord) -> float:
        is_dear = scenario.allocator == "fresh" and CONTROL in (subject.name, subject.twin_of)
        return super().cost_us(subject, scenario) * (FRESH_TIMES if is_dear else 1)


def judged(*scenarios: ScenarioRecord, rounds: int = 7) -> Judgement:
    return judge(TwoPrices(scenarios=scenarios, rounds=rounds, noise=0.01).build())


def test_each_subject_is_compared_with_itself_in_the_other_state() -> None:
    (found,) = seasonings(judged(echo(), fresh(echo())))
    assert found.scenario == echo()
    ratios = {cell.seasoned.subject.name: cell.compared for cell in found.cells}
    assert set(ratios) == {subject.name for subject in SUBJECTS if not subject.twin_of}
    assert {name for name, compared in ratios.items() if compared.told_apart} == {CONTROL}
    assert ratios[CONTROL].ratio is not None
    assert ratios[CONTROL].ratio.value == pytest.approx(FRESH_TIMES, rel=0.05)


def test_only_scenarios_that_differ_in_the_state_alone_are_compared() -> None:
    assert seasonings(judged(echo(64), fresh(echo(1)))) == []
    assert seasonings(judged(echo(64), echo(1))) == []


def test_what_did_not_run_in_both_states_is_left_out() -> None:
    pair = idle(1000), fresh(idle(1000))
    (found,) = seasonings(judged(*pair))
    assert "select" not in {cell.seasoned.subject.name for cell in found.cells}


def test_a_sentence_says_whose_price_changes_and_whose_does_not() -> None:
    (said,) = seasoning.sentences(judged(echo(), fresh(echo())))
    expected = f"Echo over sockets, 64 connections, 1 KiB: of what each takes seasoned: {CONTROL} 3.0"
    assert said.startswith(expected)
    assert "); no difference beyond noise for select, poll" in said


def test_many_scenarios_are_few_sentences() -> None:
    usual = [echo(connections) for connections in (1, 2, 4, 8, 16, 32)]
    said = seasoning.sentences(judged(*usual, *map(fresh, usual), rounds=5))
    assert len(said) == seasoning.SENTENCES_AT_MOST + 1
    assert said[-1] == "Prices change in 2 scenarios more."


def test_that_nothing_changes_is_said_too() -> None:
    others = tuple(subject for subject in SUBJECTS if subject.kind == "mini-loop")
    run = TwoPrices(scenarios=(echo(), fresh(echo())), subjects=others, noise=0.01).build()
    assert seasoning.sentences(judge(run)) == ["No difference beyond noise for anybody in 1 scenario."]


def test_the_states_are_no_points_of_one_curve() -> None:
    points = idle(10), idle(1000)
    judgement = judged(*points, *map(fresh, points))
    assert [family.allocator for family in scalings(judgement)] == ["seasoned", "fresh"]
    usual, other = growth.tables(judgement)
    assert "allocator" not in usual.title
    assert other.title.endswith("fresh allocator)")


def test_page_and_summary_show_it_where_it_was_measured() -> None:
    both, one = judged(echo(), fresh(echo())), judged(echo())
    no_pictures = {section: [] for section in FIGURES}
    assert "fresh against seasoned" in html(both, no_pictures)
    assert "fresh against seasoned" not in html(one, no_pictures)
    assert "muxlab bench --allocator fresh,seasoned" in html(one, no_pictures)
    assert "- **With a fresh allocator:** Echo over sockets" in markdown(both)
    assert "With a fresh allocator" not in markdown(one)


def test_two_rounds_show_no_sameness_of_the_states() -> None:
    judgement = judged(echo(), fresh(echo()), rounds=2)
    assert seasoning.sentences(judgement) == [
        "The rounds are too few to tell fresh from seasoned in 1 scenario."
    ]


def test_a_command_of_ones_own_has_no_other_state_to_look_for() -> None:
    as_it_is = judged(dataclasses.replace(echo(), allocator=None))
    assert seasoning.why_none(as_it_is.run.record) == ""
    page = html(as_it_is, {section: [] for section in FIGURES})
    assert "Seasoned and fresh allocator" not in page
    assert "as your program has it" in page


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("seasoned",), "its allocator seasoned."),
        (("fresh",), "its allocator fresh (as before the first client leaves)."),
        ((None,), "its allocator as your program has it."),
        (
            ("seasoned", "fresh"),
            "seasoned in 1 scenario and fresh (as before the first client leaves) in 1 scenario.",
        ),
    ],
)
def test_every_summary_says_in_which_state_processes_were_older_runs_without_marks_too(
    states: tuple[Any, ...], said: str
) -> None:
    points = [dataclasses.replace(echo(number), allocator=state) for number, state in enumerate(states, 64)]
    assert said in markdown(judged(*points))


class DearFresh(SyntheticRun):
    """Where the allocator is fresh, who is best elsewhere is the worst."""

    def cost_us(self, subject: SubjectRecord, scenario: ScenarioRecord) -> float:
        is_dear = scenario.allocator == "fresh" and subject.name.startswith("epoll")
        return super().cost_us(subject, scenario) * (FRESH_TIMES if is_dear else 1)


def test_a_state_in_which_nothing_could_run_is_no_state_of_the_processes() -> None:
    record = judged(echo(), fresh(echo())).run.record
    nothing = [NotRun(subject.name, fresh(echo()).id, "a command") for subject in record.subjects]
    assert "fresh" in seasoning.state(record)
    assert seasoning.state(dataclasses.replace(record, not_run=tuple(nothing))) == "seasoned"


def test_a_state_that_passes_does_not_decide_who_is_best_unless_nothing_else_was_measured() -> None:
    dear = [fresh(echo(connections)) for connections in (32, 64)]
    both = answer(judge(DearFresh(scenarios=(*dear, echo()), noise=0.01).build()))
    assert both is not None
    assert (both.champion.name[:5], both.champion.of, both.lead.scenario) == ("epoll", 1, echo())
    alone = answer(judge(DearFresh(scenarios=tuple(dear), noise=0.01).build()))
    assert alone is not None
    assert (alone.champion.name, alone.champion.of) == ("poll", 2)
