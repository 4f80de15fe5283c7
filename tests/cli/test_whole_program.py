"""The whole program: with nothing but the measuring faked, and once for real with Ctrl-C."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from lab.cli.app import muxlab
from lab.cli.bench import Instruments
from lab.results import SAMPLES_FILE, read_run
from tests import check_report
from tests.check_report import complaints
from tests.fake_measuring import FakeMeasure

DEADLINE_S = 60
ORPHAN_S = 5
"""A child that the interrupt caught while it was being started ends by itself, at the end of its input."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with fake figures. Matplotlib keeps its fonts open, hence not inside a test."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    words = ["bench", "--profile", "smoke", "--seed", "3", "--out", str(folder)]
    result = CliRunner().invoke(muxlab, words, obj=Instruments(FakeMeasure()), prog_name="muxlab")
    assert result.exit_code == 0, result.output
    return folder


def test_a_run_with_fake_figures_ends_in_a_sound_report(finished: Path) -> None:
    assert list(complaints(finished)) == []


@pytest.mark.parametrize(("named", "told"), [("", "make check-report RUN=folder"), ("none", "is not a run")])
def test_a_folder_that_holds_no_run_is_told_in_a_line(
    named: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["check_report", named])
    with pytest.raises(SystemExit, match=told):
        check_report.main()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda folder: (folder / "report.html").unlink(), "report.html is missing"),
        (lambda folder: cut_off(folder / "report.html"), "is cut off"),
        (lambda folder: cut_off(next(folder.glob("figures/*.png"))), "figures/"),
        (lambda folder: cut_off(folder / "samples.csv"), "expected one for each of the"),
        (lambda folder: (folder / "summary.md").unlink(), "summary.md is missing"),
        (lambda folder: fetch_a_script(folder / "report.html"), "is not self-contained: <script src="),
    ],
    ids=["no page", "half a page", "half a picture", "half a table", "no summary", "a script from elsewhere"],
)
def test_a_report_with_a_defect_is_complained_about(
    finished: Path, tmp_path: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    damage(folder)
    assert any(complaint in each for each in complaints(folder))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def fetch_a_script(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("</body>", '<script src="https://example.org/x.js"></script></body>'), "utf-8"
    )


def test_a_real_run_that_gets_ctrl_c_keeps_its_samples_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--profile", "smoke", "-b", "poll", "-w", "ring", "--rounds", "500", "--out", str(folder)]
    command = [sys.executable, "-m", "lab", "bench", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        try:
            for line in bench.stderr:
                if line.startswith("Round 1 of 500"):
                    break
            children = psutil.Process(bench.pid).children(recursive=True)
            bench.send_signal(signal.SIGINT)
            _, complaint = bench.communicate(timeout=DEADLINE_S)
        finally:
            bench.kill()
    assert bench.returncode == 130, complaint
    assert "Traceback" not in complaint
    run = read_run(folder)
    assert run.record.status == "interrupted"
    assert len(run.samples) >= 4
    assert all(json.loads(line) for line in (folder / SAMPLES_FILE).read_text("utf-8").splitlines())
    assert (folder / "report.html").stat().st_size > 10_000
    assert not still_running(children)


def still_running(children: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended soon. One that nobody has waited for yet (its new parent will) has ended."""
    psutil.wait_procs([child for child in children if not has_ended(child)], timeout=ORPHAN_S)
    return [child for child in children if not has_ended(child)]


def has_ended(child: psutil.Process) -> bool:
    try:
        return child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
