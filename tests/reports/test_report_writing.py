"""How report files reach the disk: whole, or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from synthetic_run import SUBJECTS, SyntheticRun, echo

from reports import write_report


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
