"""``muxlab bench --syscalls`` as a person sees it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from lab.cli import progress
from lab.cli.app import muxlab
from lab.cli.bench import Instruments
from lab.harness import strace, subjects
from lab.harness.events import CountingStarted, CountStarted
from lab.results import read_run
from lab.workloads.registry import workload
from tests.cli.benching import SMALL
from tests.cli.test_progress import FakeTerminal
from tests.fake_measuring import FakeMeasure
from tests.harness.test_counting import FakeCount


@pytest.fixture(autouse=True)
def with_strace(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    """In an empty directory, where strace is said to work."""
    monkeypatch.setattr(strace, "unavailable", lambda: None)


def bench(*words: str, count: FakeCount | None = None, measure: FakeMeasure | None = None) -> Result:
    instruments = Instruments(measure or FakeMeasure(), count or FakeCount())
    return CliRunner().invoke(muxlab, ["bench", *words], obj=instruments, prog_name="muxlab")


def test_counts_are_announced_made_and_reported() -> None:
    result = bench(*SMALL, "--out", "run", "--syscalls")
    assert result.exit_code == 0
    assert "to count system calls. Seed " in result.output
    assert "Counting the system calls of 3 cells: about" in result.output
    assert len(read_run(Path("run")).syscalls) == 3


def test_where_only_open_loops_run_it_is_said_that_nothing_is_counted() -> None:
    offered = ("-b", "poll", "-w", "echo-sockets", "--rounds", "1", "--rate", "100")
    result = bench(*offered, "--out", "run", "--syscalls")
    assert result.exit_code == 0
    assert "in all; there is nothing to count system calls of" in result.output
    assert read_run(Path("run")).syscalls == ()


def test_an_interrupted_pass_keeps_what_was_counted_and_is_resumed() -> None:
    first = bench(*SMALL, "--out", "run", "--syscalls", count=FakeCount(interrupt_at=1))
    kept, measure, count = len(read_run(Path("run")).syscalls), FakeMeasure(), FakeCount()
    second = bench("--resume", "run", measure=measure, count=count)
    assert (first.exit_code, second.exit_code) == (130, 0)
    assert (kept, measure.calls, len(count.cells)) == (1, [], 2)


def test_without_the_wish_a_short_profile_counts_nothing() -> None:
    count = FakeCount()
    result = bench(*SMALL, count=count)
    assert (result.exit_code, count.cells) == (0, [])
    assert "system calls" not in result.output.lower()


def test_what_could_not_be_counted_is_listed_and_the_exit_code_says_so() -> None:
    result = bench(
        *SMALL, "--out", "run", "--syscalls", count=FakeCount(fails=lambda subject: subject == "poll")
    )
    assert result.exit_code == 1
    assert "The system calls of 1 cell could not be counted:" in result.output
    assert result.output.count("the server crashed") >= 2


def test_a_wish_that_cannot_be_fulfilled_is_told_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strace, "unavailable", lambda: "strace is not installed: apt install strace")
    result = bench(*SMALL, "--out", "run", "--syscalls")
    assert result.exit_code == 2
    assert "--syscalls cannot count system calls here: strace is not installed" in result.output
    assert not Path("run").exists()


def test_a_terminal_shows_which_cell_is_counted() -> None:
    out = FakeTerminal()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    with progress.Bar(console) as show:
        show(CountingStarted(8, 16.0))
        scenario = workload("ring").scenario(pairs=100)
        show(CountStarted(subjects.describe("poll"), scenario, 3, 8, 10.0))
        show._progress.refresh()
    assert "Counting the system calls of 8 cells: about 16 s" in out.getvalue()
    assert "poll · ring 100" in out.getvalue()
    assert "3/8" in out.getvalue()


def test_a_pipe_gets_one_line_for_the_pass() -> None:
    out = io.StringIO()
    show = progress.Lines(Console(file=out, width=200))
    show(CountingStarted(1, 2.0))
    assert out.getvalue() == "Counting the system calls of 1 cell: about 2 s\n"
