"""What a report says of somebody's own program: every loop competes, and the program is named."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import pytest
from synthetic_run import COSTS_US, SUBJECTS, SyntheticRun, echo

from lab.results import NotRun, ProgramRecord
from reports.analysis.judgement import Judgement, judge
from reports.pages.context import context
from reports.pages.page import html
from reports.pages.summary import markdown

COMMAND = "uvicorn app:app --loop {loop} --port {port}"
OWN = dataclasses.replace(
    echo(), id="serve[connections=64]", workload="serve", program=ProgramRecord("command", COMMAND, "/")
)
NO_FLOOR = NotRun("floor", OWN.id, "a program of your own cannot run without an event loop")


def judged(costs_us: dict[str, float], rounds: int = 5, **changes: object) -> Judgement:
    subjects = tuple(
        each for each in SUBJECTS if each.name in ("epoll", "asyncio", "asyncio-again", "uvloop")
    )
    made = SyntheticRun(
        subjects=subjects,
        scenarios=(OWN,),
        not_run=(NO_FLOOR,),
        costs_us=costs_us,
        rounds=rounds,
        noise=0.005,
        **changes,  # type: ignore[arg-type]
    )
    return judge(made.build())


@pytest.mark.parametrize(
    ("costs_us", "rounds", "headline"),
    [
        (COSTS_US, 5, "epoll serves your program (uvicorn app:app) best on this machine."),
        (COSTS_US | {"uvloop": 3.0}, 5, "uvloop serves your program (uvicorn app:app) best on this machine."),
        (
            COSTS_US | {"uvloop": 7.1},
            5,
            " serve your program (uvicorn app:app) best on this machine.",
        ),
        (
            dict.fromkeys(COSTS_US, 9.0),
            5,
            "For your program (uvicorn app:app), there is no difference beyond noise between ",
        ),
        (
            COSTS_US,
            1,
            "epoll costs your program (uvicorn app:app) least here, but the rounds are too few to call it",
        ),
    ],
)
def test_the_headline_names_the_loop_that_serves_it_best(
    costs_us: dict[str, float], rounds: int, headline: str
) -> None:
    first = markdown(judged(costs_us, rounds)).splitlines()[0]
    assert headline in first


def test_the_verdict_stands_under_the_programs_name() -> None:
    assert "- **your program: uvicorn app:app:** epoll is best: " in markdown(judged(COSTS_US))


def test_the_costliest_loop_is_named_beside_the_usual_references() -> None:
    said = markdown(judged(COSTS_US | {"uvloop": 3.0, "epoll": 40.0}))
    assert "Among the other loops it takes" in said
    assert "x epoll's (" in said and "the costliest" in said


def test_the_page_asks_for_a_loop() -> None:
    assert "which loop serves your program best on this machine?" in html(judged(COSTS_US), defaultdict(list))


def test_its_table_has_its_title_instead_of_a_checksum_and_no_column_of_a_floor() -> None:
    with_floor = (*(each for each in SUBJECTS if each.name in ("epoll", "asyncio", "floor")),)
    made = SyntheticRun(subjects=with_floor, scenarios=(OWN,), not_run=(NO_FLOOR,)).build()
    samples = tuple(each for each in made.samples if each.subject != "floor")
    judgement = judge(dataclasses.replace(made, samples=samples))
    told = markdown(judgement)
    assert "| scenario | epoll | asyncio |" in told and f"| {OWN.title} | " in told
    assert OWN.id not in told
    shown = context(judgement)
    assert not [heading for heading in shown["scenarios"][0]["headings"] if "floor" in heading]
    assert shown["not_run"] == [("floor", OWN.title, NO_FLOOR.reason)]
    assert all(
        len(row.cells) == len(shown["scenarios"][0]["headings"])
        for row in shown["scenarios"][0]["rows"]
        if not row.missing
    )


def test_its_scenarios_alone_decide() -> None:
    both = SyntheticRun(scenarios=(echo(), OWN), costs_us=COSTS_US | {"uvloop": 3.0}, noise=0.005).build()
    assert markdown(judge(both)).startswith("# uvloop serves your program")
