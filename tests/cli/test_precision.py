"""``muxlab bench --precision``: the runner and the judge joined, from the option to the last line."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
from click.testing import CliRunner

import reports
from lab.cli.app import muxlab
from lab.cli.bench import Instruments
from lab.results import read_run
from tests.fake_measuring import FakeMeasure

SMALL = ("bench", "--profile", "smoke", "-b", "poll", "-w", "ring", "--rounds", "2", "--out", "run")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_report(folder: Path) -> types.SimpleNamespace:
        (folder / "summary.md").write_text("# Summary\n")
        return types.SimpleNamespace(
            html=folder / "report.html", summary=folder / "summary.md", csv=folder / "samples.csv", figures=()
        )

    monkeypatch.setattr(reports, "write_report", write_report)
    monkeypatch.chdir(tmp_path)


def test_rounds_are_added_until_intervals_hold_and_are_narrow() -> None:
    result = CliRunner().invoke(
        muxlab, [*SMALL, "--precision", "5%", "--max-time", "10m"], obj=Instruments(FakeMeasure())
    )
    record = read_run(Path("run")).record
    assert (result.exit_code, record.rounds, record.precision, record.max_time_s) == (0, 5, 0.05, 600.0)
    assert "and more rounds until every interval is narrower than 5 %" in result.stderr
    assert "; after the first, no round begins that would end after 10 min 0 s. " in result.stderr
    assert "Round 5 added: there are too few rounds for an interval" in result.stderr
    assert f"Stopped after 5 rounds because {record.stopped}" in result.stderr
    assert record.stopped and record.stopped.startswith("every interval is narrower than 5 %: the widest, of")
    assert record.stopped.endswith("is 0 % wide")


def test_an_odd_precision_is_refused_with_what_to_type() -> None:
    result = CliRunner().invoke(muxlab, [*SMALL, "--precision", "much"])
    assert result.exit_code == 2
    assert "expected a share such as 5% or 0.05, got 'much'" in result.output
