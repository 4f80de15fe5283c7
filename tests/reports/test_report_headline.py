"""The headline claims no more than the scenarios that decided allow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest
from synthetic_run import COSTS_US, SUBJECTS, SyntheticRun, echo, idle, ring
from test_report_knee import run as run_at_rates

from lab.results import ScenarioRecord, SubjectRecord
from reports.analysis.answer import answer
from reports.analysis.judgement import Judgement, judge
from reports.figures.heat_map import left_out, thin
from reports.pages.context import answer_rows, context
from reports.pages.headline import headline
from reports.pages.summary import markdown

FEW = tuple(each for each in SUBJECTS if each.name not in ("select", "selectors-epoll"))
PLACES = (echo(), idle(100), idle(1000))


@dataclass
class Differing(SyntheticRun):
    """A run in which some cost something else in some scenarios."""

    subjects: tuple[SubjectRecord, ...] = FEW
    scenarios: tuple[ScenarioRecord, ...] = PLACES
    noise: float = 0.004
    here_us: dict[tuple[str, str], float] = field(default_factory=dict)
    """By subject and scenario."""

    def cost_us(self, subject: SubjectRecord, scenario: ScenarioRecord) -> float:
        return self.here_us.get((subject.name, scenario.id)) or super().cost_us(subject, scenario)


def judged(here_us: dict[tuple[str, str], float], **changes: object) -> Judgement:
    costs_us = COSTS_US | {"epoll-et": 7.6}
    return judge(Differing(here_us=here_us, costs_us=costs_us, **changes).build())  # type: ignore[arg-type]


def said(judgement: Judgement) -> str:
    return headline(judgement, answer(judgement))


def only_epoll() -> tuple[SubjectRecord, ...]:
    return tuple(each for each in FEW if each.kind != "mini-loop" or each.name == "epoll")


def test_who_is_the_best_everywhere_is_called_so_without_more() -> None:
    assert said(judged({})) == "epoll serves sockets best on this machine."


def test_a_loop_that_is_cheaper_in_some_scenarios_stands_in_the_headline() -> None:
    judgement = judged({("uvloop", idle(100).id): 3.0})
    assert context(judgement)["score_of"] == echo().title
    assert said(judgement) == (
        "epoll is the best backend on this machine, but uvloop serves sockets cheaper in 1 of 3 scenarios."
    )


def test_a_loop_that_is_level_in_some_scenarios_stands_in_the_headline_and_below_with_their_names() -> None:
    judgement = judged({("uvloop", idle(100).id): 7.1})
    assert said(judgement) == (
        "epoll serves sockets best on this machine, but cannot be told from uvloop in 1 of 3 scenarios."
    )
    told = dict(answer_rows(judgement, answer(judgement)))["Other loops"]
    assert "not to be told from epoll in 1 scenario (Active among idle, 100 idle connections)." in told


def test_an_only_backend_that_is_level_in_some_scenarios_is_still_called_the_only_one() -> None:
    judgement = judged({("uvloop", idle(100).id): 7.1}, subjects=only_epoll())
    assert said(judgement) == (
        "epoll, the only backend measured, serves sockets best on this machine, but cannot be told from "
        "uvloop in 1 of 3 scenarios."
    )


def test_who_is_best_in_some_scenarios_only_is_not_called_the_best_of_all() -> None:
    judgement = judged({("poll", each.id): 3.0 for each in (idle(100), idle(1000))})
    assert said(judgement) == "epoll serves sockets best in 1 of 3 scenarios on this machine."


def test_two_that_a_scenario_tells_apart_do_not_share_the_title() -> None:
    level = {(name, each.id): 7.1 for name in ("epoll", "epoll-et") for each in PLACES}
    assert "and" in said(judged(level)).partition(" serve ")[0]
    # Both lie within the noise floor of poll, the cheapest there, and further than that from each other.
    between = level | {("poll", idle(100).id): 6.9, ("epoll-et", idle(100).id): 7.1 * 1.05}
    found = answer(judged(between))
    assert found is not None
    assert found.champion.name == "epoll" and found.champion.shares_with == ()


def test_a_tie_says_over_how_many_scenarios_it_is_one() -> None:
    level = {(name, each.id): 7.1 for name in ("epoll", "epoll-et") for each in PLACES}
    judgement = judged(level)
    tied = dict(answer_rows(judgement, answer(judgement)))["Tied"]
    assert tied.endswith("in any of 3 scenarios.")


def test_several_workloads_without_a_server_are_all_named() -> None:
    timers = dataclasses.replace(ring(100), id="timers[armed=1]", workload="timers")
    assert said(judged({}, scenarios=(ring(100), timers))).startswith("epoll handles ring and timers best")


@pytest.fixture(scope="module")
def at_rates() -> Judgement:
    return judge(run_at_rates())


def test_at_offered_rates_the_headline_has_the_rates_and_the_knees(at_rates: Judgement) -> None:
    assert said(at_rates) == (
        "epoll serves sockets cheapest at 10,000 to 80,000 offered requests/s on this machine. "
        "epoll keeps up to 40,000 requests/s."
    )


def test_the_large_figures_say_at_which_rate_they_were_taken(at_rates: Judgement) -> None:
    assert context(at_rates)["score"][0][1] == "asyncio's CPU per request at 10,000 requests/s"


def test_the_caption_of_a_thinned_figure_names_the_rates_that_it_leaves_out() -> None:
    scenarios = judged(
        {}, scenarios=tuple(map(echo, range(1, 10))), subjects=SUBJECTS[2:3], rounds=1
    ).scenarios
    shown = thin(list(scenarios), 8)
    (hidden,) = [each for each in scenarios if each not in shown]
    assert left_out(shown, list(scenarios)) == (
        f" 8 of 9 scenarios are shown (not {hidden.scenario.title}); the tables hold all."
    )
    assert left_out(list(scenarios), list(scenarios)) == ""


def test_a_loop_that_keeps_up_further_than_the_cheapest_is_named() -> None:
    swapped = {"epoll": "asyncio", "asyncio": "epoll"}
    made = run_at_rates()
    samples = tuple(
        dataclasses.replace(each, subject=swapped.get(each.subject, each.subject)) for each in made.samples
    )
    told = markdown(judge(dataclasses.replace(made, samples=samples))).splitlines()[0]
    assert "asyncio keeps up to 40,000 requests/s" in told


def test_where_the_load_was_the_limit_the_headline_has_no_knee() -> None:
    assert "keep" not in said(judge(run_at_rates(limited_from=20_000)))


def test_below_its_lowest_rate_nobody_keeps_up() -> None:
    judgement = judge(run_at_rates((80_000,)))
    assert said(judgement).endswith("does not keep up with 80,000 requests/s.")
