"""From a run folder to its report: read, judge, draw, write. The only file here that touches the disk.

Rule: a report can be written again at any time from ``run.json`` and the lines beside it alone, and comes out
the same. Nothing of an earlier report survives a new one, so no stale picture is left behind. Each file is
written whole under another name, then renamed: a disk that is full leaves the earlier file as it was.
"""

from __future__ import annotations

import errno
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from lab.errors import RunError
from lab.results import read_run
from reports.analysis.judgement import judge
from reports.figures.registry import draw_all
from reports.pages.page import html
from reports.pages.summary import markdown


@dataclass(frozen=True)
class ReportFiles:
    """Where a report lies."""

    html: Path
    summary: Path
    """Markdown, short enough for a terminal."""
    csv: Path
    figures: tuple[Path, ...]


def write_report(folder: Path) -> ReportFiles:
    """Write ``report.html``, ``summary.md``, ``samples.csv`` and ``figures/*.png`` into a run folder.

    Takes seconds, most of them for the figures. Raises `lab.errors.RunError` when the folder holds no
    readable run or cannot be written; an interrupted run, or one without a single good sample, is reported as
    what it is.
    """
    run = read_run(folder)
    _check_writable(folder)
    judgement = judge(run)
    pictures = draw_all(judgement)
    files = ReportFiles(folder / "report.html", folder / "summary.md", folder / "samples.csv", ())
    _replace(files.html, html(judgement, pictures).encode())
    _replace(files.summary, markdown(judgement).encode())
    _replace(files.csv, judgement.frame.to_csv(index=False).encode())
    drawn = {folder / "figures" / f"{p.name}.png": p.png for group in pictures.values() for p in group}
    _replace_pictures(folder / "figures", drawn)
    return ReportFiles(files.html, files.summary, files.csv, tuple(drawn))


def _check_writable(folder: Path) -> None:
    """Complain before the seconds of drawing, not after."""
    probe = folder / "report.html.draft"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise RunError(
            f"expected a folder that a report can be written to, got {folder}: {error.strerror}. Copy the "
            f"run to another place: `cp -r {shlex.quote(str(folder))} COPY`, then `muxlab report COPY`"
        ) from error


def _replace(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of ``path``, whole or not at all; no draft is left behind."""
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _replace_pictures(folder: Path, drawn: dict[Path, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path, png in drawn.items():
        _replace(path, png)
    for stale in set(folder.glob("*.png")) - set(drawn):
        stale.unlink()
