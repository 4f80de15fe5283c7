"""How `muxlab bench` ends: by itself, by Ctrl-C, by a signal, with failures, on a full disk."""

from __future__ import annotations

import gc
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest

import reports
from lab.harness import folders
from lab.results import read_run
from tests.cli.benching import SMALL, muxlab_bench, only_run
from tests.fake_measuring import FakeMeasure


def test_ctrl_c_keeps_the_samples_and_still_writes_the_report(here: Path) -> None:
    result = muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=3))
    assert result.exit_code == 130
    assert "Interrupted with 3 samples kept" in result.stderr
    assert f"muxlab bench --resume runs/{only_run(here).name}" in result.stderr
    assert "# Summary of 3 samples" in result.stdout


def test_ctrl_c_before_the_first_sample_leaves_nothing_to_report(here: Path) -> None:
    result = muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=0))
    assert result.exit_code == 130
    assert "Interrupted before the first sample; `muxlab bench --resume runs/" in result.stderr
    assert "nothing to report" in result.stderr


def test_a_second_ctrl_c_stops_at_once_without_a_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reports, "write_report", impatient)
    result = muxlab_bench(*SMALL, "--out", "my run", measure=FakeMeasure(interrupt_at=1))
    assert result.exit_code == 130
    assert "Interrupted with 1 sample kept; `muxlab bench --resume 'my run'` goes on" in result.stderr
    assert "stopped at once; `muxlab report 'my run'` shows what was kept" in result.stderr
    assert "Traceback" not in result.output


def test_ctrl_c_before_there_is_a_run_promises_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    muxlab_bench(*SMALL)
    monkeypatch.setattr(folders, "new_folder", interrupted)
    result = muxlab_bench(*SMALL)
    assert result.exit_code == 130
    assert result.stderr.endswith("muxlab: stopped at once\n")


def test_ctrl_c_before_the_first_step_of_a_coroutine_warns_of_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_begun() -> None: ...

    def interrupted(*args: object) -> None:
        dropped = never_begun()  # as when a loop is interrupted before it takes this up
        raise KeyboardInterrupt(dropped)

    muxlab_bench(*SMALL)
    monkeypatch.setattr(folders, "new_folder", interrupted)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        result = muxlab_bench(*SMALL)
        del result.exc_info
        gc.collect()
    assert result.exit_code == 130
    assert [str(each.message) for each in warned] == []


def test_sigterm_ends_a_run_as_ctrl_c_does(here: Path) -> None:
    def terminated(*args: Any, **how: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    result = muxlab_bench(*SMALL, measure=terminated)
    assert result.exit_code == 130
    assert read_run(only_run(here)).record.status == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is before


def test_failed_samples_give_exit_code_1_a_list_and_the_report(here: Path) -> None:
    result = muxlab_bench(*SMALL, measure=FakeMeasure(fails=lambda subject, scenario: subject == "poll"))
    assert result.exit_code == 1
    assert "2 of 8 samples failed:" in result.stderr
    assert "poll under ring[active=20,pairs=100,writes=100]: 2 times" in result.stderr
    assert "[BrokenPipeError]" in result.stderr
    assert "# Summary of 8 samples" in result.stdout


def test_a_run_in_which_everything_fails_still_ends_in_a_report(here: Path) -> None:
    result = muxlab_bench(*SMALL, measure=FakeMeasure(fails=lambda subject, scenario: True))
    assert result.exit_code == 1
    assert "8 of 8 samples failed:" in result.stderr


def test_a_full_disk_is_told_in_one_line_and_keeps_what_there_is(here: Path) -> None:
    result = muxlab_bench(*SMALL, measure=FakeMeasure(disk_full_at=3))
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    folder = f"runs/{only_run(here).name}"
    assert f"free some space; `muxlab bench --resume {folder}` goes on" in result.stderr
    assert f"`muxlab report {folder}` shows them" in result.stderr
    assert len(read_run(only_run(here)).samples) == 3
