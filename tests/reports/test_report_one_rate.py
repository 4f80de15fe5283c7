"""One offered rate: who keeps up with it and what clients waited, and no word of a knee."""

from __future__ import annotations

import dataclasses

import pytest
from outline import Outline
from test_report_knee import TITLE, run

from lab.results import Run
from reports.analysis.answer import answer
from reports.analysis.judgement import Judgement, judge
from reports.figures.registry import FIGURES
from reports.pages import knees, one_rate
from reports.pages.context import context
from reports.pages.headline import headline
from reports.pages.page import html
from reports.pages.summary import markdown

RATE = 20_000
AT_RATE = f"{TITLE}, 20,000 requests/s offered"


@pytest.fixture(scope="module")
def judged() -> Judgement:
    return judge(run((RATE,)))


def with_failing(made: Run, subject: str) -> Run:
    samples = tuple(
        dataclasses.replace(each, status="failed", reason="it crashed", latency=None, open_loop=None)
        if each.subject == subject
        else each
        for each in made.samples
    )
    return dataclasses.replace(made, samples=samples)


def test_it_is_told_who_keeps_up_and_what_clients_waited(judged: Judgement) -> None:
    (said,) = one_rate.sentences(judged)
    kept, _, lost = said.partition("; ")
    assert kept.startswith(f"{AT_RATE}: all answered, with p99 from the intended send of 0.11 ms on ")
    assert all(f"0.11 ms on {name}" in kept for name in ("epoll", "poll", "the floor"))
    assert lost.startswith("not kept up with by ")
    assert "select (p99 300 ms, 50.0 % never sent)" in lost
    assert "asyncio (p99 300 ms)" in lost


def test_the_table_has_each_subject_with_its_latencies(judged: Judgement) -> None:
    (table,) = one_rate.tables(judged)
    assert table.title == AT_RATE
    cells = {name: dict(zip(table.headings, row, strict=True)) for name, row in table.rows}
    assert set(cells) == {"epoll", "poll", "asyncio", "select", "floor"}
    assert cells["epoll"]["keeps up"] == ("yes", "in 5 of 5 rounds")
    assert cells["epoll"]["p99, ms"] == ("0.11", "")
    assert cells["epoll"]["never sent"] == ("none", "")
    assert cells["select"]["keeps up"] == ("no", "in 0 of 5 rounds")
    assert cells["select"]["p99, ms"] == ("300", "")
    assert cells["select"]["from the actual send"] == ("2.00", "")
    assert cells["select"]["never sent"] == ("50.0 %", "")


def test_nothing_is_said_of_a_knee(judged: Judgement) -> None:
    assert knees.tables(judged) == []
    assert knees.sentences(judged) == []
    assert knees.markdown_table(judged) == ""
    assert "knee" not in markdown(judged).lower()
    assert "keeps up with 20,000 requests/s" in headline(judged, answer(judged))


def test_page_and_summary_show_it(judged: Judgement) -> None:
    assert AT_RATE in markdown(judged)
    assert "| epoll | yes (in 5 of 5 rounds) | 0.05" in markdown(judged)
    assert [table.title for table in context(judged)["at_one_rate"]] == [AT_RATE]
    assert AT_RATE in Outline(html(judged, {key: [] for key in FIGURES})).text


def test_several_rates_are_told_by_their_knees_alone() -> None:
    several = judge(run((10_000, 20_000)))
    assert one_rate.tables(several) == []
    assert one_rate.markdown_table(several) == ""


def test_a_subject_whose_samples_failed_does_not_keep_up() -> None:
    failing = judge(with_failing(run((RATE,)), "poll"))
    (said,) = one_rate.sentences(failing)
    assert "poll (5 samples failed)" in said
    (table,) = one_rate.tables(failing)
    assert dict(table.rows)["poll"][0] == ("no", "in 0 of 5 rounds, 5 failed")
    assert {value for value, _ in dict(table.rows)["poll"][1:]} == {"-"}


def test_a_load_that_was_the_limit_tells_nothing_of_who_gave_in() -> None:
    limited = judge(run((RATE,), limited_from=RATE))
    (said,) = one_rate.sentences(limited)
    assert said.endswith(", as the load was the limit.")
    assert set(said.partition("not known for ")[2].partition(",")[0].split(" and ")) == {"select", "asyncio"}
    (table,) = one_rate.tables(limited)
    assert dict(table.rows)["select"][0] == ("not known", "limited by the load")
