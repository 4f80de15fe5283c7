"""What a person sees of a run as it goes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lab.cli import progress, terminal
from lab.harness import runner
from lab.harness.blocks import one_by_one
from lab.harness.events import RoundFinished
from lab.harness.planning import plan
from lab.harness.planning.selection import Selection
from lab.harness.sampling import Cores
from lab.results import RunRecord
from tests.fake_measuring import FakeCatalogue, FakeMeasure, environment


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def record() -> RunRecord:
    return plan.build(
        Selection(backends=("epoll",), workloads=("idle",), rounds=2, connections=(5000,)),
        environment(),
        id="r",
        seed=7,
        warnings=["load: high. Close [something]."],
        catalogue=FakeCatalogue(),
    )


def shown(show: progress.Show, record: RunRecord, folder: Path) -> None:
    measure = FakeMeasure(fails=lambda subject, scenario: subject == "epoll", cost_s=2.0)
    with show:
        runner.run(
            record,
            folder,
            measure=one_by_one(measure),
            on_event=show,
            cores=Cores(None, (None,), ""),
            clock=measure.clock,
        )


def test_a_pipe_gets_a_line_for_each_round_warning_and_failure(record: RunRecord, tmp_path: Path) -> None:
    out = io.StringIO()
    shown(progress.Lines(terminal.console(out)), record, tmp_path)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Warning: load: high. Close [something]."
    assert "Round 1 of 2: 4 of 8 samples, about 8 s left" in lines
    assert "Round 2 of 2: 8 of 8 samples, about 0 s left" in lines
    failures = [line for line in lines if line.startswith("Failed: epoll under idle[active=32,idle=5000")]
    assert len(failures) == 2
    assert failures[0].endswith("byte 7 differs [BrokenPipeError]")


def test_a_terminal_gets_a_bar_with_the_place_and_the_time_left(record: RunRecord, tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, width=100, markup=False, highlight=False, color_system=None
    )
    shown(progress.Bar(console), record, tmp_path)
    text = out.getvalue()
    assert "Warning: load: high. Close [something]." in text
    assert "Failed: epoll under idle" in text
    assert "\x1b[?25l" in text, "the cursor is hidden while the bar is drawn"
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "and shown again"


def test_on_a_narrow_terminal_the_bar_keeps_its_place(record: RunRecord, tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=40, color_system=None)
    shown(progress.Bar(console), record, tmp_path)
    drawn = [line for line in out.getvalue().replace("\r", "\n").splitlines() if "…" in line and "/8" in line]
    assert drawn
    assert all("━━━━" in line for line in drawn)


@pytest.mark.parametrize(
    ("stream", "term", "kind"),
    [
        (FakeTerminal(), "xterm", progress.Bar),
        (FakeTerminal(), "dumb", progress.Lines),
        (io.StringIO(), "xterm", progress.Lines),
    ],
    ids=["terminal", "dumb terminal", "pipe"],
)
def test_the_bar_is_for_terminals_only(
    stream: io.StringIO, term: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", stream)
    assert type(progress.progress()) is kind


def test_colours_are_left_out_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    out = FakeTerminal()
    terminal.console(out).print("careful", style="bold red")
    assert "31m" not in out.getvalue()
    assert "careful" in out.getvalue()


def test_a_terminal_that_cannot_show_a_letter_gets_a_question_mark() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    terminal.console(out).print("7.1 µs … done")
    out.flush()
    assert raw.getvalue() == b"7.1 ?s ? done\n"


def test_a_warm_up_round_is_called_so() -> None:
    out = io.StringIO()
    progress.Lines(terminal.console(out))(RoundFinished(-1, rounds=9, done=4, cells=40, remaining_s=90.0))
    assert out.getvalue() == "Warm-up round: 4 of 40 samples, about 1 min 30 s left\n"
