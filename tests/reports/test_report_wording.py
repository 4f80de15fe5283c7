"""The sentences of a report: that they agree with each other and with the tables beside them."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from synthetic_run import COSTS_US, SUBJECTS, SyntheticRun, echo, idle, ring

from lab.results import NotRun, ScenarioRecord
from reports.analysis.answer import answer
from reports.analysis.comparison import compare
from reports.analysis.estimate import FIRM_ROUNDS
from reports.analysis.judgement import Judgement, judge
from reports.analysis.noise import NoiseCheck, Trust, check
from reports.pages.context import scenario_table
from reports.pages.headline import headline
from reports.pages.phrases import apart, counted, level, plural, verdict
from reports.pages.summary import markdown
from reports.pages.trust import a_a_statement, banners, disagreement, how_sure, noise_floors
from reports.pages.wording import tie, workload_verdict


def judged(**changes: object) -> Judgement:
    return judge(SyntheticRun(**({"scenarios": (echo(),)} | changes)).build())  # type: ignore[arg-type]


def test_a_workload_that_another_loop_wins_still_gives_the_best_backend() -> None:
    judgement = judged(scenarios=(ring(100),), costs_us=dict(COSTS_US, uvloop=5.0), noise=0.01)
    said = workload_verdict(judgement, list(judgement.scenarios))
    assert said.startswith("uvloop is best: ")
    assert "The best of the backends, epoll" in said and "x uvloop's CPU per event (" in said


def test_who_shares_a_scenario_with_others_is_only_among_its_best() -> None:
    level_at_first = dict(COSTS_US, poll=COSTS_US["epoll"] - 0.6)
    shared = judged(scenarios=(idle(10), idle(1000)), costs_us=level_at_first, noise=0.005)
    said = workload_verdict(shared, list(shared.scenarios))
    assert " are among the best in 2 of 2 scenarios, with no difference beyond noise between them" in said
    alone = judged(scenarios=(idle(100), idle(1000)), noise=0.005)
    assert " are best in 2 of 2 scenarios" in workload_verdict(alone, list(alone.scenarios))


def test_a_workload_that_a_backend_wins_names_it_once() -> None:
    judgement = judged(noise=0.01)
    assert "best of the backends" not in workload_verdict(judgement, list(judgement.scenarios))


def test_equals_over_sockets_are_told_apart_by_what_is_judged_apart() -> None:
    run = SyntheticRun(scenarios=(echo(), ring(100)), noise=0.005).build()
    dearer = [
        dataclasses.replace(each, cpu_user_s=each.cpu_user_s * 1.6, cpu_system_s=each.cpu_system_s * 1.6)
        if (each.subject, each.scenario) == ("epoll-et", ring(100).id)
        else dataclasses.replace(each, cpu_user_s=each.cpu_user_s * 0.999)
        if each.subject == "epoll-et"
        else each
        for each in run.samples
    ]
    judgement = judge(dataclasses.replace(run, samples=tuple(dearer)))
    found = answer(judgement)
    assert found is not None
    assert (found.champion.name, found.champion.shares_with) == ("epoll", ("epoll-et",))
    said = tie(found)
    assert said.startswith("There is no difference beyond noise between epoll and epoll-et. They part in ")
    assert re.search(rf"epoll takes 0\.6\dx epoll-et's CPU per event in {ring(100).title}\.$", said)


def test_the_count_of_wins_says_which_scenarios_it_is_of() -> None:
    judgement = judged(scenarios=(echo(), idle(10), ring(100)))
    found = answer(judgement)
    assert found and "of 2 socket scenarios (ring, in one process, is judged apart)." in how_sure(
        judgement, found
    )


def test_a_run_that_ended_early_counts_the_rounds_that_it_has() -> None:
    run = SyntheticRun(rounds=9, scenarios=(echo(),), keep_samples=10, status="interrupted").build()
    judgement = judge(run)
    found = answer(judgement)
    assert judgement.rounds < FIRM_ROUNDS and found is not None
    said = how_sure(judgement, found)
    assert said.startswith(f"{judgement.rounds} of 9 rounds of ")
    assert said.endswith(f"With fewer than {FIRM_ROUNDS} rounds, intervals are only indicative.")


def test_on_too_few_rounds_nobody_is_in_bold() -> None:
    text = markdown(judged(rounds=1))
    table = text[text.index("| scenario") :]
    assert "**" not in table and "best in bold" not in text
    assert "1 round of" in text and "over 1 pair;" in text


@pytest.mark.parametrize(("number", "text"), [(0, "0 rounds"), (1, "1 round"), (1200, "1,200 rounds")])
def test_one_is_singular(number: int, text: str) -> None:
    assert counted(number, "round") == text


def opposed() -> Judgement:
    """Two scenarios whose A/A pair errs by a quarter in opposite directions."""
    judgement = judged(scenarios=(echo(), idle(10)))
    logs = {
        each.scenario.id: np.log(side) + np.array([0.0, 0.01, -0.01, 0.02, -0.02])
        for each, side in zip(judgement.scenarios, (1.25, 0.8), strict=True)
    }
    noise = dataclasses.replace(check(logs, 1), floor=0.16)
    scenarios = [
        dataclasses.replace(each, noise_floor=noise.floor_for(each.scenario.id))
        for each in judgement.scenarios
    ]
    return dataclasses.replace(judgement, noise=noise, scenarios=tuple(scenarios))


def test_scenarios_that_cancel_are_shown_beside_the_largest() -> None:
    said = a_a_statement(opposed())
    assert (
        "up to 25.0 % apart in one scenario" in said
        and "over all 10 pairs, where scenarios can cancel" in said
    )


def test_the_noise_sentence_says_what_chance_can_do_and_what_was_seen() -> None:
    judgement = opposed()
    (banner,) = banners(dataclasses.replace(judgement, noise=_holding(judgement)))
    assert "a median of 5 rounds can differ by about 16.0 % by chance alone" in banner.what
    assert "two identical subjects lay 25.0 % apart in" in banner.what
    assert noise_floors(judgement) == "25.0 %"


def test_a_noisy_pair_without_bias_is_neither_a_plain_pass_nor_an_id() -> None:
    noisy = opposed()
    noisy = dataclasses.replace(noisy, noise=_holding(noisy))
    (banner,) = banners(noisy)
    place = noisy.scenarios[0].scenario.title
    assert banner.what.startswith("This run is noisy, though the A/A check finds no bias: ")
    assert f"25.0 % apart in {place}: there no smaller difference counts." in banner.what
    said = a_a_statement(noisy)
    assert said.startswith("A/A check: no bias, but noise. asyncio measured twice lies up to 25.0 % apart")
    assert "passed" not in said and f"({place})" in said
    assert a_a_statement(judged(noise=0.005, rounds=9)).startswith("A/A check passed: ")


def _holding(judgement: Judgement) -> NoiseCheck:
    return dataclasses.replace(judgement.noise, trust=Trust.HOLDS)


def test_a_loop_that_was_timed_although_it_fails_a_check_is_named_before_anything_else() -> None:
    calm = judged(noise=0.0, drift=0.0)
    strange = "fails the conformance test: timers: expected [1], got []"
    subjects = tuple(
        dataclasses.replace(each, fails=strange) if each.name == "uvloop" else each
        for each in calm.run.record.subjects
    )
    record = dataclasses.replace(calm.run.record, subjects=subjects)
    (banner,) = banners(dataclasses.replace(calm, run=dataclasses.replace(calm.run, record=record)))
    assert banner.what == f"uvloop {strange}."
    assert "--nonconforming" in banner.todo
    assert banners(calm) == []


@pytest.mark.parametrize(("rest_cpu_s", "said"), [(0.0001, False), (0.2, True)])
def test_a_loop_that_polls_while_the_others_have_the_turn_is_named(rest_cpu_s: float, said: bool) -> None:
    run = SyntheticRun(scenarios=(echo(),)).build()
    samples = [
        dataclasses.replace(each, rest_s=0.5, rest_cpu_s=rest_cpu_s if each.subject == "poll" else 0.0)
        for each in run.samples
    ]
    told = [each.what for each in banners(judge(dataclasses.replace(run, samples=tuple(samples))))]
    expected = "poll took 40.0 % of the server's core while the others had the turn: "
    assert any(each.startswith(expected) for each in told) == said
    assert len(told) == said


def test_a_calm_run_warns_of_no_disagreement() -> None:
    judgement = judged(noise=0.0, drift=0.0)
    found = answer(judgement)
    assert found and disagreement(judgement, found) == ""


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1 / 1.8, "1.8x faster"),
        (1 / 1.04, "1.04x faster"),
        (2.5, "2.5x slower"),
        (0.02, "50x faster"),
        (1.001, "no difference beyond noise"),
    ],
)
def test_a_verdict_says_how_many_times_faster(ratio: float, said: str) -> None:
    assert verdict(compare("asyncio", np.full(5, ratio), noise_floor=0.01)) == said


def test_two_rounds_are_not_measurable_here() -> None:
    assert verdict(compare("asyncio", np.full(2, 0.5), noise_floor=0.01)) == "not measurable here"


def test_an_interval_is_named_by_what_it_promises() -> None:
    assert [level(rounds) for rounds in (3, 5, 6, 9)] == ["75 %", "94 %", "95 %", "95 %"]


def test_a_run_that_precision_or_time_ended_says_why() -> None:
    judgement = judged(noise=0.01)
    record = dataclasses.replace(judgement.run.record, stopped="every interval is narrower than 5 %")
    stopped = dataclasses.replace(judgement, run=dataclasses.replace(judgement.run, record=record))
    said = "It stopped after 5 rounds because every interval is narrower than 5 %."
    assert said in markdown(stopped)
    assert "It stopped" not in markdown(judgement)


def test_what_keeps_a_pace_of_its_own_has_no_throughput_in_its_table() -> None:
    timers = dataclasses.replace(ring(100), unit="timer", paced=True, latency="how far off it fires")
    paced, free = (
        scenario_table(each, each.scenarios[0]) for each in map(_judged_alone, (timers, ring(100)))
    )
    assert "thousand events/s" in free["headings"]
    assert not [heading for heading in paced["headings"] if heading.startswith("thousand")]
    assert all(len(row.cells) == len(paced["headings"]) for row in paced["rows"] if not row.missing)
    assert paced["latency"] is free["latency"] is None


def test_scenarios_without_a_result_are_not_called_more_in_the_report() -> None:
    scenarios = tuple(echo(connections) for connections in range(1, 15))
    made = SyntheticRun(scenarios=scenarios, subjects=SUBJECTS[5:6], rounds=1).build()
    samples = tuple(each for each in made.samples if each.scenario != scenarios[-1].id)
    assert "and 2 more scenarios in the report" in markdown(judge(made))
    assert "and 1 more scenario in the report" in markdown(judge(dataclasses.replace(made, samples=samples)))


def test_a_workload_without_a_result_says_why() -> None:
    reason = "this scenario needs 20,064 descriptors a process, the limit here is 256"
    far = idle(20_000)
    refused = tuple(NotRun(subject.name, far.id, reason) for subject in SUBJECTS)
    made = SyntheticRun(scenarios=(far, ring(100)), not_run=refused).build()
    samples = tuple(each for each in made.samples if each.scenario != far.id)
    judgement = judge(dataclasses.replace(made, samples=samples))
    assert workload_verdict(judgement, judgement.workloads()["idle"]) == f"No result: {reason}."


def test_a_table_says_what_its_percentiles_are_of() -> None:
    judgement = _judged_alone(dataclasses.replace(echo(), latency="from kill to the callback"))
    assert scenario_table(judgement, judgement.scenarios[0])["latency"] == "from kill to the callback"


def _judged_alone(scenario: ScenarioRecord) -> Judgement:
    return judged(scenarios=(scenario,))


@pytest.mark.parametrize(
    ("unit", "several"),
    [
        ("request", "requests"),
        ("process", "processes"),
        ("task switch", "task switches"),
        ("delivery", "deliveries"),
    ],
)
def test_every_unit_has_a_plural(unit: str, several: str) -> None:
    assert plural(unit) == several


def test_a_backend_that_cannot_be_told_from_another_loop_is_not_called_best_of_all() -> None:
    judgement = judged(costs_us=dict.fromkeys(COSTS_US, 20.0) | {"floor": 5.0}, noise=0.01)
    said = headline(judgement, answer(judgement))
    assert "best backends on this machine, but cannot be told from" in said
    assert "uvloop" in said and "asyncio" in said


@pytest.mark.parametrize(
    ("uvloop_us", "said"),
    [
        (15.0, "epoll, the only backend measured, serves sockets best on this machine."),
        (7.1, "epoll is the only backend measured, and cannot be told from uvloop."),
        (3.0, "epoll is the only backend measured, and uvloop serves sockets cheaper."),
    ],
)
def test_an_only_backend_is_not_called_the_best_of_the_backends(uvloop_us: float, said: str) -> None:
    measured = tuple(each for each in SUBJECTS if each.kind != "mini-loop" or each.name == "epoll")
    judgement = judged(subjects=measured, costs_us=dict(COSTS_US, uvloop=uvloop_us), noise=0.01)
    assert headline(judgement, answer(judgement)) == said


def test_two_that_have_too_few_rounds_in_common_are_not_called_level() -> None:
    whole = SyntheticRun(scenarios=(echo(),), costs_us=dict(COSTS_US, epoll=2.0), rounds=5).build()
    rounds = {"epoll": (0, 1, 2), "uvloop": (2, 3, 4), "asyncio": range(5)}
    kept = tuple(each for each in whole.samples if each.round in rounds.get(each.subject, ()))
    judgement = judge(dataclasses.replace(whole, samples=kept))
    said = workload_verdict(judgement, list(judgement.scenarios))
    assert said.startswith("epoll has the lowest median, on too few rounds for a verdict")


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0213, "2.1 %"), (0.994, "99.4 %"), (1.0, "a factor of 2"), (4.93, "a factor of 5.93")],
)
def test_costs_that_lie_the_double_apart_and_more_are_told_as_a_factor(share: float, said: str) -> None:
    assert apart(share) == said
