"""What is told of benches that run at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.app import muxlab
from lab.cli.bench import Instruments
from lab.harness.machine import neighbours
from lab.results import read_run
from tests.fake_measuring import FakeMeasure

WARNING = "benches: another of yours is running and takes the same cores"


def test_a_bench_beside_another_is_warned_and_its_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.cli.report.publish", lambda _folder: None)
    words = ["bench", "--profile", "smoke", "-b", "poll", "-w", "ring", "--out", str(tmp_path / "run")]
    with neighbours.counted():
        result = CliRunner().invoke(muxlab, words, obj=Instruments(FakeMeasure()), prog_name="muxlab")
    assert result.exit_code == 0
    assert WARNING in result.stderr
    assert any(WARNING in text for text in read_run(tmp_path / "run").record.warnings)


def test_the_doctor_says_whether_a_bench_is_running() -> None:
    alone = CliRunner().invoke(muxlab, ["doctor"], prog_name="muxlab")
    assert "ok    benches: no other of yours is running." in alone.stdout
    with neighbours.counted():
        beside = CliRunner().invoke(muxlab, ["doctor"], prog_name="muxlab")
    assert f"WARN  {WARNING}" in beside.stdout
    assert beside.exit_code == 1
