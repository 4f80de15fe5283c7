"""Samples of somebody's own program: on which loop it runs, what is counted as its own, and how it ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.harness import subjects
from lab.harness.loads import Loads
from lab.harness.sampling import Timing
from lab.results import ProgramRecord, Sample, from_json, to_json
from lab.workloads.registry import workload
from tests.codebase import ROOT
from tests.harness.one_sample import one_sample
from tests.harness.own_server import BURN_NS

TIMING = Timing(window_s=0.05, warmup_s=0.01, deadline_s=60)
UVICORN = "uvicorn --loop {loop} --port {port} --log-level warning --lifespan off"
SERVER = f"python {ROOT}/tests/harness/own_server.py {{port}}"


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def sample(text: str, subject: str = "asyncio", path: str = "/", kind: Any = "command") -> Sample:
    scenario = workload("", ProgramRecord(kind, text, path)).scenario(connections=2)
    return one_sample(subject, scenario, timing=TIMING)


@pytest.mark.parametrize(
    ("subject", "loop"),
    [
        ("epoll", "lab.loop.loop.Loop"),
        ("asyncio", "asyncio.unix_events._UnixSelectorEventLoop"),
        ("uvloop", "uvloop.Loop"),
    ],
)
def test_uvicorn_serves_on_the_loop_of_the_subject(subject: str, loop: str) -> None:
    if reason := subjects.unavailable(subject):
        pytest.skip(f"{subject}: {reason}")
    taken = sample(f"{UVICORN} tests.programs.asgi:application", subject, f"/only-on?{loop}")
    assert (taken.status, taken.reason) == ("ok", None)
    assert taken.operations > 0
    assert taken.cpu_s > 0
    assert taken.peak_rss_bytes > 1_000_000
    assert taken.latency.count == taken.operations
    assert from_json(Sample, to_json(taken)) == taken


def test_a_script_is_put_on_a_custom_loop_and_may_print_a_lot() -> None:
    taken = sample(f"{SERVER} chatty", "tests.harness.loops_for_tests:BurningLoop")
    assert (taken.status, taken.reason) == ("ok", None)


def test_the_account_from_outside_holds_what_was_burned_by_a_daemon_too() -> None:
    trick = "daemon" if sys.platform == "linux" else ""  # elsewhere orphans are lost to sight
    taken = sample(f"{SERVER} {trick}", path="/burn")
    assert (taken.status, taken.reason) == ("ok", None)
    assert 0.99 <= taken.cpu_s / (taken.operations * BURN_NS / 1e9) <= 1.5


def test_a_coroutine_runs_on_the_subject_in_the_measured_process() -> None:
    taken = sample("tests.harness.own_server:serve", "poll", kind="coroutine")
    assert (taken.status, taken.reason) == ("ok", None)
    assert taken.counters["waits"] > 0


@pytest.mark.parametrize(
    ("command", "path", "complaint", "printed"),
    [
        (
            f"{UVICORN} tests.programs.asgi:no",
            "/",
            "within 30 s, got exit status 3",
            "Error loading ASGI app",
        ),
        (
            SERVER,
            "/leave",
            "expected your command to serve until it is ended, got exit status 7",
            "on my way",
        ),
        (SERVER, "/broken", "got 500 Internal Server Error", "why the page is broken"),
        (f"{SERVER} 'own loop'", "/", "made none: it brings a loop of its own", ""),
    ],
)
def test_a_program_that_cannot_be_measured_says_why(
    command: str, path: str, complaint: str, printed: str
) -> None:
    taken = sample(command, path=path)
    assert taken.status == "failed"
    assert complaint in taken.reason
    assert printed in f"{taken.reason} {taken.stderr_tail}"


def test_a_program_is_asked_to_end_and_is_gone_after_the_sample(tmp_path: Path) -> None:
    note = tmp_path / "note"
    assert sample(f"{SERVER} '' {note}").status == "ok"
    assert_asked_and_gone(note)


def test_an_interrupt_ends_the_program_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_loads: Loads) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Loads, "run_slice", interrupted)
    note = tmp_path / "note"
    with pytest.raises(KeyboardInterrupt):
        sample(f"{SERVER} '' {note}")
    assert_asked_and_gone(note)


def assert_asked_and_gone(note: Path) -> None:
    pid, _, told = note.read_text("ascii").partition(" ")
    assert told == "asked to end"
    assert not psutil.pid_exists(int(pid))
