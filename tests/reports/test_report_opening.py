"""The first screen: what stands above the headline and what below; and what browsers are told of the rest."""

from __future__ import annotations

import dataclasses
import re

import pytest
from outline import Outline
from synthetic_run import COSTS_US, ENVIRONMENT, SyntheticRun, echo, idle

from lab.results import Run
from reports.analysis.answer import answer
from reports.analysis.judgement import judge
from reports.figures.registry import FIGURES
from reports.figures.style import Picture
from reports.pages.opening import byline, cost
from reports.pages.page import html

NO_PICTURES: dict[str, list[Picture]] = {section: [] for section in FIGURES}


def page(run: Run, pictures: dict[str, list[Picture]] | None = None) -> str:
    return html(judge(run), NO_PICTURES | (pictures or {}))


@pytest.fixture(scope="module")
def calm() -> str:
    return page(SyntheticRun(scenarios=(echo(), idle(1000))).build())


def test_the_cost_that_the_ratios_are_of_is_named_with_its_scenario(calm: str) -> None:
    text = Outline(calm).text
    lead = "Echo over sockets, 64 connections, 1 KiB: epoll"
    assert re.search(
        rf"{lead}[\w-]* takes 7\.\d+ µs of server CPU per request; less is better\. That is 0", text
    )
    found = answer(judge(SyntheticRun().build()))
    assert found is not None and cost(found).endswith("µs of server CPU per request")


def test_the_byline_says_what_tells_a_run_from_others_and_no_more() -> None:
    record = SyntheticRun().build().record
    said = "Run 2026-01-02-030405, profile quick, 2026-01-02 03:04 UTC"
    assert byline(record) == [said, "Example CPU @ 3.00GHz", "Linux 6.1.0 x86_64", "CPython 3.11.7"]
    nameless = dataclasses.replace(ENVIRONMENT, cpu_model=None)
    assert byline(dataclasses.replace(record, environment=nameless))[1] == "x86_64"


def test_what_voids_the_verdict_stands_above_it_and_what_qualifies_it_below() -> None:
    broken = page(
        SyntheticRun(rounds=9, scenarios=(echo(),), costs_us=COSTS_US | {"asyncio-again": 30.0}).build()
    )
    assert broken.index("This run is not to be trusted") < broken.index("<h1>")
    ended = page(SyntheticRun(scenarios=(echo(),), keep_samples=20, status="interrupted").build())
    assert ended.index("<h1>") < ended.index("This run ended early") < ended.index("<nav")


def test_one_round_claims_no_intervals() -> None:
    once, often = (
        Outline(page(SyntheticRun(rounds=rounds, scenarios=(echo(),)).build())).text for rounds in (1, 9)
    )
    assert "One round has no intervals, and tells no difference from chance." in once
    assert "0 % interval" not in once.replace("\N{NO-BREAK SPACE}", " ") and "100.0" not in once
    assert "95 % intervals of the median" in often.replace("\N{NO-BREAK SPACE}", " ")


def test_no_heading_is_repeated_by_that_of_its_picture() -> None:
    picture = Picture("latency", "Latency and throughput", "How.", "What.", "Noise.", "<svg></svg>", b"")
    said = Outline(page(SyntheticRun(scenarios=(echo(),)).build(), {"latency": [picture]})).text
    assert said.count("Latency and throughput") == 1


def test_the_contents_name_what_has_something_to_show(calm: str) -> None:
    contents = calm[calm.index("<nav") : calm.index("</nav>")]
    assert "#results" in contents and "#microbenchmarks" not in contents and "#load" not in contents


def test_what_can_be_scrolled_can_be_reached_by_keyboard_and_has_a_name(calm: str) -> None:
    scrolled = re.findall(r'<div class="scroll"([^>]*)>', calm)
    assert len(scrolled) > 4
    assert all('tabindex="0"' in each and 'role="region" aria-label="' in each for each in scrolled)


def test_paper_is_light_and_shows_what_is_folded(calm: str) -> None:
    assert calm.count("prefers-color-scheme") == calm.count("@media screen and (prefers-color-scheme: dark)")
    assert "details::details-content { content-visibility: visible" in calm[calm.index("@media print") :]
