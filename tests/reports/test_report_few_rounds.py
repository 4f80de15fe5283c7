"""Who has fewer rounds than a verdict needs is shown and told, but not judged where others have enough."""

from __future__ import annotations

import dataclasses

import pytest
from matplotlib.figure import Figure
from synthetic_run import COSTS_US, SUBJECTS, SyntheticRun, echo, idle

from lab.results import Run, Sample
from reports.analysis.answer import answer
from reports.analysis.judgement import Judgement, judge
from reports.figures.cpu_per_operation import _panel as draw_panel
from reports.pages.context import context, scenario_table
from reports.pages.headline import headline
from reports.pages.summary import markdown
from reports.pages.trust import banners
from reports.pages.wording import workload_verdict

FEW = tuple(each for each in SUBJECTS if each.name not in ("select", "epoll-et", "selectors-epoll"))
NOT_JUDGED = "Not judged, on fewer than 3 rounds that count: "


def whole(**changes: object) -> Run:
    chosen = {"scenarios": (echo(),), "subjects": FEW, "noise": 0.01} | changes
    return SyntheticRun(**chosen).build()  # type: ignore[arg-type]


def failing(run: Run, *, kept: int, subject: str = "", scenario: str = "") -> Judgement:
    """``run``, of which ``subject`` (everybody) failed in ``scenario`` (all) after ``kept`` good rounds."""

    def left(each: Sample) -> Sample:
        is_meant = subject in ("", each.subject) and scenario in ("", each.scenario) and each.round >= kept
        return dataclasses.replace(each, status="failed", reason="boom", operations=0) if is_meant else each

    return judge(dataclasses.replace(run, samples=tuple(map(left, run.samples))))


def said(judgement: Judgement) -> str:
    return headline(judgement, answer(judgement))


def test_the_band_of_noise_begins_at_the_cheapest_that_is_judged() -> None:
    judgement = failing(whole(costs_us=dict(COSTS_US, uvloop=2.0)), subject="uvloop", kept=1)
    (judged,) = judgement.scenarios
    axes = Figure().subplots()
    draw_panel(axes, judged, judgement)
    (band,) = axes.patches
    assert band.get_x() == pytest.approx(judged.cells["epoll"].cost.value)  # type: ignore[union-attr]


@pytest.mark.parametrize("kept", [1, 2])
def test_the_cheapest_does_not_lead_on_fewer_rounds_than_a_verdict_needs(kept: int) -> None:
    judgement = failing(whole(costs_us=dict(COSTS_US, uvloop=5.0)), subject="uvloop", kept=kept)
    (judged,) = judgement.scenarios
    assert judged.ranking == ("epoll", "poll", "asyncio") and judged.best == ("epoll",)
    assert judged.unjudged == ("uvloop",)
    assert said(judgement) == "epoll serves sockets best on this machine."
    assert workload_verdict(judgement, [judged]).startswith("epoll is best: ")


def test_who_is_not_judged_stands_in_the_tables_and_in_one_sentence() -> None:
    judgement = failing(whole(costs_us=dict(COSTS_US, uvloop=5.0)), subject="uvloop", kept=1)
    rows = scenario_table(judgement, judgement.scenarios[0])["rows"]
    (row,) = (each for each in rows if each.name == "uvloop")
    assert not row.best and row.cells[0][0].startswith("4.") and row.cells[-1] == ("1", "4 failed")
    sentence = f"{NOT_JUDGED}uvloop (Echo over sockets, 64 connections, 1 KiB)."
    assert [each.what for each in context(judgement)["banners"]].count(sentence) == 1
    assert sentence in markdown(judgement)


def test_a_backend_with_one_round_takes_no_title_from_its_equals() -> None:
    judgement = failing(whole(costs_us=dict(COSTS_US, poll=7.1)), subject="poll", kept=1)
    assert said(judgement) == "epoll serves sockets best on this machine."
    assert judgement.scenarios[0].best == ("epoll",)


def test_where_no_backend_can_be_judged_the_other_loops_are() -> None:
    subjects = tuple(each for each in FEW if each.kind != "mini-loop" or each.name == "epoll")
    judgement = failing(whole(subjects=subjects), subject="epoll", kept=2)
    assert said(judgement) == "uvloop serves sockets best on this machine."
    assert any(each.what.startswith(f"{NOT_JUDGED}epoll (") for each in banners(judgement))


def test_a_scenario_on_too_few_rounds_decides_only_where_there_is_no_other() -> None:
    run = whole(scenarios=(echo(), idle(10)), costs_us=dict(COSTS_US, poll=3.0))
    judgement = failing(run, scenario=echo().id, kept=1)
    found = answer(judgement)
    assert found is not None
    assert (found.lead.scenario.id, found.champion.wins, found.champion.of) == (idle(10).id, 1, 1)
    title = "Echo over sockets, 64 connections, 1 KiB"
    assert f"{NOT_JUDGED}everybody ({title})." in [each.what for each in banners(judgement)]
    verdict = workload_verdict(judgement, judgement.workloads()["echo-sockets"])
    assert verdict.startswith("poll has the lowest median, on too few rounds for a verdict")


def test_a_long_list_of_who_is_not_judged_is_cut() -> None:
    places = tuple(map(idle, (10, 100, 500, 1000, 5000)))
    judgement = failing(whole(scenarios=places), subject="uvloop", kept=1)
    (told,) = (each.what for each in banners(judgement) if each.what.startswith(NOT_JUDGED))
    assert told.count("uvloop (Active among idle") == 3 and told.endswith("; and in 2 more scenarios.")


def test_in_a_run_of_too_few_rounds_all_are_ranked_and_nobody_is_called_not_judged() -> None:
    judgement = judge(whole(rounds=2))
    (judged,) = judgement.scenarios
    assert set(judged.ranking) == {"epoll", "poll", "uvloop", "asyncio"}
    assert (judged.best, judged.unjudged) == ((), ())
    assert "the rounds are too few" in said(judgement)
    assert not any(each.what.startswith(NOT_JUDGED) for each in banners(judgement))
