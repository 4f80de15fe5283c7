"""``muxlab bench --serve`` and ``--app``, with a fake that measures."""

from __future__ import annotations

import dataclasses
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from lab.harness.planning import rehearsal
from lab.results import Sample, read_run
from tests.cli.benching import muxlab_bench, only_run
from tests.fake_measuring import FakeMeasure

COMMAND = "python server.py --port {port}"
SHORT = ("-b", "epoll", "--rounds", "2")


def test_the_run_holds_the_program_and_nothing_else(here: Path) -> None:
    options = ("--http", "/a", "--http", "/b?c=d", "--http-body", "length", "--connections", "8")
    assert muxlab_bench(*SHORT, "--serve", COMMAND, *options).exit_code == 0
    record = read_run(only_run(here)).record
    assert [(each.workload, each.program.path) for each in record.scenarios] == [
        ("serve", "/a"),
        ("serve", "/b?c=d"),
    ]
    assert {(each.program.text, each.program.body) for each in record.scenarios} == {(COMMAND, "length")}
    assert {each.parameters["connections"] for each in record.scenarios} == {8}


def test_the_floor_is_left_out_with_its_reason(here: Path) -> None:
    result = muxlab_bench(*SHORT, "--serve", COMMAND)
    assert "a program of your own cannot run without an event loop" in result.stderr
    assert {row.subject for row in read_run(only_run(here)).record.not_run} == {"floor"}


def test_workloads_named_beside_it_are_measured_too(here: Path) -> None:
    muxlab_bench(*SHORT, "--app", "app:serve", "-w", "udp", "--set", "app.connections=3")
    record = read_run(only_run(here)).record
    assert [each.workload for each in record.scenarios] == ["app", "udp"]
    assert record.scenarios[0].parameters == {"connections": 3}


def test_it_is_tried_once_on_the_control_before_the_run(here: Path) -> None:
    measure = FakeMeasure()
    result = muxlab_bench(*SHORT, "--serve", COMMAND, "--http", "/a", "--http", "/b", measure=measure)
    assert "Trying your program: python server.py, on asyncio ...\n" in result.stderr
    tried = [(call["subject"].name, call["scenario"].program.path) for call in measure.calls[:2]]
    assert tried == [("asyncio", "/a"), ("asyncio", "/b")]
    assert len(measure.calls) == 2 + len(read_run(only_run(here)).samples)


def test_what_is_wrong_with_it_is_said_once_and_no_run_is_begun(here: Path) -> None:
    measure = FakeMeasure(fails=lambda subject, scenario: True)
    result = muxlab_bench(*SHORT, "--serve", COMMAND, measure=measure)
    assert result.exit_code == 2
    assert "your program failed on asyncio, before the run: expected the reply to be" in result.stderr
    assert "BrokenPipeError" in result.stderr
    assert (len(measure.calls), (here / "runs").exists()) == (1, False)


def test_what_fails_is_told_without_the_checksum_of_its_scenario(here: Path) -> None:
    measure = FakeMeasure(fails=lambda subject, scenario: subject == "epoll")
    told = muxlab_bench(*SHORT, "--rounds", "3", "--serve", COMMAND, measure=measure).stderr
    assert "Failed: epoll under serve[connections=64,get=/], round 1: " in told
    assert "  epoll under serve[connections=64,get=/]: 3 times; " in told
    assert "Warning: epoll under python server.py, GET /, 64 connections failed 3 times in a row" in told
    assert "program=" not in told


def test_of_what_it_printed_the_last_lines_are_shown(here: Path) -> None:
    fake = FakeMeasure(fails=lambda subject, scenario: True)

    def talkative(*words: Any, **more: Any) -> Sample:
        return dataclasses.replace(
            fake(*words, **more), stderr_tail="\n".join(map("line {}.".format, range(99)))
        )

    result = muxlab_bench(*SHORT, "--serve", COMMAND, measure=talkative)
    assert "line 98." in result.stderr
    assert result.stderr.count("line ") == rehearsal.PRINTED_LINES


def test_the_versions_of_what_the_command_names_are_recorded(here: Path) -> None:
    muxlab_bench(*SHORT, "--serve", "uvicorn app:app --loop {loop} --port {port}", "--out", "mine")
    assert read_run(here / "mine").record.environment.packages["uvicorn"] == metadata.version("uvicorn")
    muxlab_bench("--resume", "mine")
    assert read_run(here / "mine").record.status == "complete"


def test_it_can_be_offered_a_rate(here: Path) -> None:
    assert muxlab_bench(*SHORT, "--serve", COMMAND, "--rate", "100,200").exit_code == 0
    planned = read_run(only_run(here)).record.scenarios
    assert [(each.workload, each.load, each.rate_per_s) for each in planned] == [
        ("serve", "open", 100),
        ("serve", "open", 200),
    ]


def test_the_recorded_command_repeats_it(here: Path) -> None:
    first, second = FakeMeasure(), FakeMeasure()
    muxlab_bench(
        *SHORT, "--serve", COMMAND, "--http", "/a b".replace(" ", "%20"), "--out", "one", measure=first
    )
    again = shlex.split(read_run(here / "one").record.command)
    muxlab_bench(*again[2:], "--out", "two", measure=second)
    assert second.cells == first.cells


def test_an_interrupted_run_of_it_is_resumed_without_a_trial(here: Path) -> None:
    muxlab_bench(*SHORT, "--serve", COMMAND, measure=FakeMeasure(interrupt_at=3))
    rest = FakeMeasure()
    assert muxlab_bench("--resume", only_run(here).name, measure=rest).exit_code == 0
    assert len(read_run(only_run(here)).samples) == 2 + len(rest.calls)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--http", "/"), "name that with --serve or --app"),
        (("--serve", COMMAND, "--app", "app:serve"), "expected --serve or --app, got both"),
        (("--serve", COMMAND, "--http", "items"), "expected a path such as /items?page=1, got 'items'"),
        (("--serve", "python server.py"), "expected {port} in --serve"),
        (("--app", "serve"), "expected module:coroutine in --app"),
        (
            ("--app", "app:serve", "--rate", "0"),
            "expected a rate of 1 to 1,000,000 requests per second, got 0",
        ),
        (("--app", "app:serve", "--size", "5"), "--size fits none of the selected workloads (app)"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Path, options: tuple[str, ...], complaint: str) -> None:
    result = muxlab_bench(*SHORT, *options)
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr
