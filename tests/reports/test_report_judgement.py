"""From samples to verdicts: who is best, what ties, what is left out."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic_run import COSTS_US, SUBJECTS, SyntheticRun, echo, idle, ring

from lab.results import NotRun, Run, SubjectRecord
from reports.analysis.answer import answer, champion, references
from reports.analysis.comparison import Verdict
from reports.analysis.explanation import explaining_columns, facts, reason
from reports.analysis.judgement import Judgement, judge
from reports.analysis.noise import Trust
from reports.analysis.scaling import scalings
from reports.analysis.tidy import COLUMNS, counted, tidy
from reports.pages.headline import headline


def echo_run(**changes: object) -> SyntheticRun:
    return SyntheticRun(**({"scenarios": (echo(),)} | changes))  # type: ignore[arg-type]


def test_known_ratios_lie_in_their_intervals() -> None:
    judged = judge(echo_run(rounds=9).build()).scenarios[0]
    for name in ("select", "selectors-epoll", "uvloop"):
        compared = judged.cells[name].to_control
        true = judged.cells[name].subject and COSTS_US[name] / COSTS_US["asyncio"]
        assert compared and compared.ratio
        assert compared.ratio.low * 0.98 <= true * 1.04 and true <= compared.ratio.high * 1.02
        assert compared.verdict is Verdict.BETTER


def test_equal_backends_tie_and_the_rest_is_ranked() -> None:
    judged = judge(echo_run(noise=0.02).build()).scenarios[0]
    assert set(judged.best) == {"epoll", "epoll-et"}
    assert judged.ranking[2:] == ("poll", "select", "selectors-epoll", "uvloop", "asyncio")


def test_neither_floor_nor_twin_competes() -> None:
    judged = judge(echo_run().build()).scenarios[0]
    assert not {"floor", "asyncio-again"} & set(judged.ranking)
    assert judged.cells["epoll"].to_floor.ratio.value == pytest.approx(7.1 / 5.4, rel=0.08)


def test_the_answer_follows_the_data_not_the_names() -> None:
    costs = dict(COSTS_US, poll=3.0)
    found = answer(judge(echo_run(costs_us=costs).build()))
    assert found and found.champion.name == "poll"
    assert found.champion.shares_with == ()
    assert [each.reference for each in found.against] == ["uvloop", "asyncio", "floor"]


def test_a_comparison_loop_can_win_its_workload() -> None:
    judgement = judge(echo_run(costs_us=dict(COSTS_US, uvloop=2.0)).build())
    best = champion(list(judgement.scenarios), lambda cell: cell.competes)
    assert best and best.name == "uvloop"
    assert [each.name for each in references(judgement, judgement.scenarios[0], "uvloop")] == [
        "asyncio",
        "floor",
    ]
    found = answer(judgement)
    assert found and found.champion.name in ("epoll", "epoll-et") and found.are_backends
    assert headline(judgement, found).endswith("on this machine, but uvloop serves sockets cheaper still.")


def test_the_champion_names_the_scenarios_that_others_win() -> None:
    run = SyntheticRun(scenarios=(echo(), idle(5000)), costs_us=dict(COSTS_US, poll=3.0))
    found = answer(judge(run.build()))
    assert found and found.champion.name == "poll"
    assert [judged.scenario.id for judged, _ in found.champion.exceptions] == [idle(5000).id]
    assert set(found.champion.exceptions[0][1]) <= {"epoll", "epoll-et"}


def test_two_rounds_are_no_verdict() -> None:
    judged = judge(echo_run(rounds=2).build()).scenarios[0]
    assert {cell.to_control.verdict for cell in judged.cells.values()} == {Verdict.NOT_MEASURABLE}
    assert judged.best == ()


def test_drift_over_the_rounds_leaves_ratios_alone() -> None:
    judged = judge(echo_run(drift=1.0, noise=0.01).build()).scenarios[0]
    found = judged.cells["uvloop"].to_control.ratio
    assert found.value == pytest.approx(0.75, rel=0.03)
    assert found.high - found.low < 0.06


def test_a_biased_twin_is_found_in_a_run() -> None:
    biased = SyntheticRun(costs_us=dict(COSTS_US, **{"asyncio-again": 23.0}))
    assert judge(biased.build()).noise.trust is Trust.DIFFERS
    assert judge(SyntheticRun().build()).noise.trust is Trust.HOLDS


def test_judging_twice_gives_the_same() -> None:
    first, second = judge(SyntheticRun().build()), judge(SyntheticRun().build())
    # As text: where nothing was measured stands NaN, which differs from itself.
    assert [repr(each.cells) for each in first.scenarios] == [repr(each.cells) for each in second.scenarios]
    assert first.noise == second.noise


def spoiled(run: Run, subject: str, **changes: object) -> Run:
    samples = [dataclasses.replace(s, **changes) if s.subject == subject else s for s in run.samples]
    return dataclasses.replace(run, samples=tuple(samples))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": "failed", "reason": "expected 'a', got 'b'"}, "expected 'a', got 'b'"),
        ({"operations": 0}, "nothing was completed"),
        ({"cpu_user_s": 0.0, "cpu_system_s": 0.0}, "no CPU time was visible"),
        ({"cpu_user_s": float("nan")}, "no CPU time was visible"),
    ],
)
def test_samples_without_a_cost_are_excluded_and_say_why(changes: dict[str, object], word: str) -> None:
    judgement = judge(spoiled(echo_run().build(), "epoll", **changes))
    cell = judgement.scenarios[0].cells["epoll"]
    assert cell.cost is None and cell.missing and word in cell.missing
    assert "epoll" not in judgement.scenarios[0].ranking


def test_failed_samples_are_counted_and_the_rest_is_used() -> None:
    run = echo_run().build()
    target = next(s for s in run.samples if s.subject == "epoll" and not s.warmup)
    bad = dataclasses.replace(target, status="failed", reason="crashed")
    run = dataclasses.replace(run, samples=tuple(bad if s is target else s for s in run.samples))
    cell = judge(run).scenarios[0].cells["epoll"]
    assert (cell.failed, len(cell.costs), cell.to_control.ratio.rounds) == (1, 4, 4)


def test_of_a_cell_taken_twice_the_later_counts() -> None:
    run = echo_run().build()
    last = next(s for s in reversed(run.samples) if s.subject == "epoll")
    again = dataclasses.replace(last, cpu_user_s=last.cpu_user_s * 2, order=len(run.samples))
    rows = counted(tidy(run.record, (*run.samples, again)).frame)
    costs = rows[(rows["subject"] == "epoll") & (rows["round"] == last.round)]["cpu_us_per_operation"]
    assert list(costs) == [pytest.approx(again.cpu_us_per_operation)]


def test_warm_ups_never_count() -> None:
    frame = judge(echo_run().build()).frame
    assert set(frame[frame["warmup"]]["excluded"]) == {"warm-up"}
    assert (counted(frame)["round"] >= 0).all()


def test_the_table_has_every_documented_column_even_when_empty() -> None:
    run = echo_run().build()
    assert list(tidy(run.record, ()).frame.columns) == list(COLUMNS)
    columns = set(tidy(run.record, run.samples).frame.columns)
    assert {"latency_p99_ns", "counter_waits", "parameter_size"} <= columns


def test_growth_and_ends_are_read_off_the_scaling() -> None:
    run = SyntheticRun(scenarios=(idle(5000), idle(10), idle(1000), ring(100)), noise=0.01)
    (family,) = scalings(judge(run.build()))
    assert (family.axis, family.values) == ("idle", (10, 1000, 5000))
    curves = {curve.subject.name: curve for curve in family.curves}
    assert curves["poll"].growth == pytest.approx((7.9 + 0.008 * 5064) / (7.9 + 0.008 * 74), rel=0.1)
    assert curves["epoll"].growth == pytest.approx(1.0, rel=0.05)
    assert curves["select"].ends and curves["select"].ends[0] == 1000
    assert "asyncio-again" not in curves


def test_an_explanation_adds_up_and_names_its_witnesses() -> None:
    judged = judge(echo_run().build()).scenarios[0]
    found = reason(judged, "epoll", "asyncio")
    assert found and found.user_us + found.system_us == pytest.approx(found.saving_us)
    assert [label for label, _, _ in found.witnesses] == ["page faults"]
    assert reason(judged, "asyncio", "epoll") is None
    assert facts(judged, "epoll")["events_per_wait"] == pytest.approx(30, rel=0.01)


def uneven_rounds() -> Judgement:
    """Rounds of which two slow epoll alone and two asyncio alone: medians and paired ratios part."""
    epoll, control = (10.0, 10.0, 10.0, 40.0, 40.0), (44.0, 30.0, 44.0, 44.0, 120.0)
    run = echo_run(noise=0.0, drift=0.0).build()
    costs = {"epoll": epoll, "asyncio": control, "asyncio-again": control}
    samples = [
        dataclasses.replace(s, cpu_user_s=0.0, cpu_system_s=costs[s.subject][s.round] * s.operations / 1e6)
        if s.subject in costs and not s.warmup
        else s
        for s in run.samples
    ]
    return judge(dataclasses.replace(run, samples=tuple(samples)))


def test_a_saving_agrees_with_the_paired_ratio_not_with_the_medians() -> None:
    judged = uneven_rounds().scenarios[0]
    found, ratio = reason(judged, "epoll", "asyncio"), judged.compare("epoll", "asyncio").ratio
    assert found and ratio and ratio.value == pytest.approx(1 / 3)
    assert found.saving_us == pytest.approx(20.0)
    assert found.user_us + found.system_us == pytest.approx(found.saving_us)


def test_medians_that_contradict_the_paired_ratio_are_reported() -> None:
    judged = uneven_rounds().scenarios[0]
    assert judged.disagreement("epoll", "asyncio") == pytest.approx(10 / 44)
    calm = judge(echo_run(noise=0.0, drift=0.0).build()).scenarios[0]
    assert calm.disagreement("epoll", "asyncio") is None


def test_memory_per_connection_stands_beside_the_cost_where_it_was_measured() -> None:
    few, many = judge(SyntheticRun(scenarios=(echo(), idle(1000))).build()).scenarios
    assert facts(many, "epoll")["connection_kib"] == pytest.approx(1.5)
    assert "connection_kib" in explaining_columns(many)
    assert "connection_kib" not in explaining_columns(few)


def test_planned_samples_leave_out_what_cannot_run() -> None:
    judgement = judge(SyntheticRun().build())
    assert judgement.samples_planned == len(judgement.run.samples)
    absent = NotRun("select", None, "absent")
    judgement = judge(echo_run(not_run=(absent,)).build())
    assert judgement.samples_planned == (len(SUBJECTS) - 1) * 6


def test_a_run_without_control_or_floor_is_still_ranked() -> None:
    subjects = (SUBJECTS[1], SUBJECTS[2], SubjectRecord("mine:loop", "custom", "mine"))
    judgement = judge(echo_run(subjects=subjects).build())
    assert judgement.control is None and judgement.noise.trust is Trust.NO_PAIR
    assert judgement.scenarios[0].best == ("epoll",)
    assert judgement.scenarios[0].cells["poll"].to_best.verdict is Verdict.WORSE


def test_a_scenario_with_a_warning_does_not_speak_for_all() -> None:
    assert echo(1).labels
    found = answer(judge(echo_run(scenarios=(echo(1), echo(64))).build()))
    assert found and found.lead.scenario.id == echo(64).id


def test_the_first_family_of_each_workload_comes_first() -> None:
    scenarios = (echo(1, 64), echo(64, 64), echo(1), echo(64), idle(10), idle(100))
    families = scalings(judge(echo_run(scenarios=scenarios, subjects=SUBJECTS[2:4]).build()))
    assert [family.workload for family in families] == ["echo-sockets", "idle", "echo-sockets"]
