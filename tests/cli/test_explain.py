"""``muxlab explain``: the facts, the figures of the newest run, and the words where there are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backends import registry
from backends.facts import IN_SHORT
from lab.cli.app import muxlab
from lab.cli.bench import Instruments
from lab.harness import subjects
from tests.fake_measuring import FakeMeasure

ONE_SCREEN = 50
"""Lines."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with fake figures, of poll and select along the ring's axis."""
    folder = tmp_path_factory.mktemp("explained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lab.cli.report.publish", lambda *_: None)
        words = ["bench", "--profile", "smoke", "-b", "poll,select", "-w", "ring"]
        words += ["--set", "ring.pairs=100,400,600", "--rounds", "5", "--out", str(folder)]
        result = CliRunner().invoke(muxlab, words, obj=Instruments(FakeMeasure()), prog_name="muxlab")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def explain(*words: str) -> Result:
    return CliRunner().invoke(muxlab, ["explain", *words], prog_name="muxlab")


@pytest.mark.parametrize("name", registry.names())
def test_every_backend_is_explained_on_one_screen_whether_it_is_here_or_not(here: Path, name: str) -> None:
    result = explain(name)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [word for word in IN_SHORT if not any(line.startswith(f"{word} ") for line in lines)] == []
    reason = subjects.unavailable(name)
    assert ("Here: yes" if reason is None else f"Here: no: {reason}"[:60]) in result.stdout
    assert len(lines) <= ONE_SCREEN / 2


@pytest.mark.parametrize("name", ["asyncio", "uvloop", "floor", "epoll+pytasks"])
def test_other_subjects_are_explained_by_what_they_wait_in(here: Path, name: str) -> None:
    result = explain(name)
    assert result.exit_code == 0
    assert "epoll" in result.stdout or "DefaultSelector" in result.stdout


def test_all_facts_are_shown_when_they_are_asked_for(here: Path) -> None:
    short, everything = explain("epoll").stdout, explain("epoll", "--all").stdout
    assert "EEXIST" not in short and "explain epoll --all" in short
    assert "EEXIST" in everything and "What this means here" in everything


def test_without_a_run_it_is_told_how_to_take_one(here: Path) -> None:
    assert "No figures: expected a run in runs/, found none" in " ".join(explain("poll").stdout.split())


def test_the_figures_are_those_of_the_newest_run(here: Path, run: Path) -> None:
    shutil.copytree(run, here / "runs" / "one")
    text = " ".join(explain("poll").stdout.split())
    assert "by the newest run (runs/one, profile smoke)" in text
    assert "100 pairs, 20 active: 8.16 us per event, 0.40x asyncio's (0.40-0.40)" in text
    assert "Each further pair (Ring of socket pairs):" in text
    assert "ns from 100 to 600, does not grow beyond noise" in text
    told = explain("select").stdout
    assert len(told.splitlines()) <= ONE_SCREEN
    assert "from 100 to 400, does not grow beyond noise; not at 600: select watches" in " ".join(told.split())


def test_a_backend_that_the_newest_run_left_out_is_told_so(here: Path, run: Path) -> None:
    shutil.copytree(run, here / "runs" / "one")
    text = " ".join(explain("selectors-poll").stdout.split())
    assert "runs/one, has no figures of it. `muxlab bench --backend selectors-poll` takes some" in text


def test_a_run_that_cannot_be_read_costs_only_its_figures(here: Path) -> None:
    (here / "runs" / "broken").mkdir(parents=True)
    (here / "runs" / "broken" / "run.json").write_text("{")
    result = explain("poll")
    assert result.exit_code == 0
    assert "Costs" in result.stdout and "No figures: " in result.stdout


def test_an_unknown_name_gets_the_list_and_the_nearest(here: Path) -> None:
    result = explain("epol")
    assert result.exit_code == 2
    assert "Did you mean 'epoll'?" in result.stderr and "selectors-poll" in result.stderr


def test_without_a_name_it_is_told_where_the_names_are(here: Path) -> None:
    result = explain()
    assert result.exit_code == 2
    assert "expected a BACKEND, got none: `muxlab backends` lists them" in result.stderr
