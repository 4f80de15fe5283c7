"""Where runs live: a new folder for each, the newest one, and one that is to be resumed."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from lab.errors import LabError, RunError
from lab.results import RUN_FILE, SAMPLES_FILE, Environment, Run, read_run

RUNS = Path("runs")
"""Relative to the working directory; ignored by git."""


def new_folder(out: Path | None, parent: Path = RUNS, moment: datetime.datetime | None = None) -> Path:
    """Create the folder of a new run: ``out`` itself, else one under ``parent`` named by the time.

    Raises `LabError` if ``out`` holds anything already or cannot be created and written.
    """
    folder = out if out is not None else _stamped(parent, moment or datetime.datetime.now())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise LabError(
            f"cannot create the run's folder {folder}: {error.strerror}. Name another with --out"
        ) from error
    if occupied:
        raise LabError(
            f"{folder} holds files already: name a new folder with --out, or continue the run in it "
            f"with --resume {folder}"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LabError(f"cannot write to {folder}: permission denied. Name another folder with --out")
    return folder


def newest(parent: Path = RUNS) -> Path:
    """The run under ``parent`` that was written to last; raises `RunError` if there is none."""
    records = sorted(parent.glob(f"*/{RUN_FILE}"), key=lambda path: path.stat().st_mtime)
    if not records:
        raise RunError(
            f"expected a run in {parent}/, found none: take one with `make bench` or `muxlab bench`"
        )
    return records[-1].parent


def find(named: Path, parent: Path = RUNS) -> Path:
    """The folder that a person means: the path itself, or a run's name under ``parent``."""
    if not named.exists() and (parent / named / RUN_FILE).exists():
        return parent / named
    return named


def read(folder: Path) -> Run:
    """Read a run; damage of any kind is a `RunError` that names the folder."""
    try:
        return read_run(folder)
    except (OSError, ValueError) as error:
        raise RunError(
            f"cannot read the run in {folder}: {error}. Is it a folder that `muxlab bench` made?"
        ) from error


def open_for_resuming(folder: Path, environment: Environment) -> Run:
    """Read a run that is to go on here; raises `RunError` if samples taken now would not be comparable.

    A last line of ``samples.jsonl`` that a crash cut off is removed: the next one would be glued to it.
    """
    run = read(folder)
    before = run.record.environment
    if differences := _differences(before, environment):
        raise RunError(
            f"{folder} was taken under other conditions ({'; '.join(differences)}), so new samples would not "
            "be comparable with those it has: start a new run"
        )
    if environment.descriptor_limit < before.descriptor_limit:
        raise RunError(
            f"{folder} was planned for {before.descriptor_limit:,} open files, here the limit is "
            f"{environment.descriptor_limit:,}: ulimit -n {before.descriptor_limit}, or start a new run"
        )
    _drop_torn_line(folder / SAMPLES_FILE)
    return run


def changes_since(before: Environment, environment: Environment) -> tuple[str, ...]:
    """What differs on the machine since the run began that a reader of its results should know."""
    return tuple(
        f"The run was resumed at {environment.captured_at}, and the {what} is no longer {old} but {new}: "
        "compare only within a round, or start a new run."
        for what, old, new in (
            ("system", before.system, environment.system),
            ("governor", before.governor, environment.governor),
            ("pinning", before.pinning, environment.pinning),
        )
        if old != new
    )


def _differences(before: Environment, after: Environment) -> list[str]:
    """What makes samples incomparable, as ``Python was X, is Y``."""
    return [
        f"{what} was {old}, is {new}"
        for what, old, new in (
            ("processor", before.cpu_model, after.cpu_model),
            ("usable cores", before.cores_usable, after.cores_usable),
            ("Python", before.python, after.python),
            ("packages", before.packages, after.packages),
            ("muxlab", before.muxlab, after.muxlab),
        )
        if old != new
    ]


def _stamped(parent: Path, moment: datetime.datetime) -> Path:
    stamp = moment.strftime("%Y%m%d-%H%M%S")
    candidates = (parent / stamp, *(parent / f"{stamp}-{number}" for number in range(2, 100)))
    return next(each for each in candidates if not each.exists())


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
