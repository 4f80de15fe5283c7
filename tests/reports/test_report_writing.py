"""How report files reach the disk: whole or not at all, the same each time, nothing stale beside them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from synthetic_run import SUBJECTS, SyntheticRun, echo

from lab.errors import RunError
from reports import write_report
from tests.codebase import ROOT


def test_a_full_disk_leaves_the_earlier_report_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SyntheticRun(scenarios=(echo(),), rounds=3, subjects=SUBJECTS[2:4]).write(tmp_path)
    first = write_report(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fill_up(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert {first.html, first.summary, first.csv, *first.figures} <= set(before)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    SyntheticRun(scenarios=(echo(),), rounds=1, subjects=SUBJECTS[2:4]).write(tmp_path)

    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    before = set(tmp_path.iterdir())
    expected = f"written to, got {tmp_path}: {os.strerror(number)}. .* `cp -r {tmp_path} COPY`, then `muxlab"
    with pytest.raises(RunError, match=expected):
        write_report(tmp_path)
    assert set(tmp_path.iterdir()) == before


def test_a_report_is_reproduced_byte_for_byte_and_leaves_no_stale_picture(tmp_path: Path) -> None:
    SyntheticRun(scenarios=(echo(),), rounds=3, subjects=SUBJECTS[2:7]).write(tmp_path)
    first = write_report(tmp_path)
    before = [path.read_bytes() for path in (first.html, first.summary, first.csv, *first.figures)]
    (tmp_path / "figures" / "old.png").write_bytes(b"old")
    again = write_report(tmp_path)
    assert [path.read_bytes() for path in (again.html, again.summary, again.csv, *again.figures)] == before
    assert not (tmp_path / "figures" / "old.png").exists()


def test_a_folder_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        write_report(tmp_path)


def test_drawing_leaves_matplotlib_as_it_was(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    SyntheticRun(scenarios=(echo(),), rounds=1, subjects=SUBJECTS[2:4]).write(tmp_path)
    write_report(tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_a_window_system_that_matplotlib_does_not_know_does_not_matter() -> None:
    # The file alone, without pandas: it is what imports matplotlib first.
    asked = "import os, runpy; runpy.run_path('reports/figures/__init__.py'); print(os.environ['MPLBACKEND'])"
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "nonsense\n"
