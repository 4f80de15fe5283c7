"""Where runs live: a new folder for each, the newest one, and one that is to be resumed."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from lab.errors import LabError, RunError
from lab.harness.machine.allocator import ALLOCATOR_VARIABLES
from lab.results import RUN_FILE, SAMPLES_FILE, SYSCALLS_FILE, Environment, Run, read_run

RUNS = Path("runs")
"""Relative to the working directory; ignored by git."""


@contextlib.contextmanager
def new_folder(
    out: Path | None, parent: Path = RUNS, moment: datetime.datetime | None = None
) -> Iterator[Path]:
    """Create the folder of a new run, ``out`` itself or one under ``parent`` named by the time, and hold it.

    Raises `LabError` if ``out`` holds anything already, another bench runs in it, or it cannot be written.
    """
    _check_name(out or parent)
    try:
        folder = _stamped(parent, moment or datetime.datetime.now()) if out is None else out
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(out or parent, error) from error
    with _held(folder):
        _check_empty(folder)
        yield folder


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
    _check_name(named)
    if not named.exists() and (parent / named / RUN_FILE).exists():
        return parent / named
    return named


@contextlib.contextmanager
def open_for_resuming(folder: Path, environment: Environment) -> Iterator[Run]:
    """Read and hold a run that is to go on here.

    Raises `RunError` if samples taken now would not be comparable or could not be written, `LabError` if a
    bench is running in it. A last line of samples or counts that a crash cut off is removed: the next one
    would be glued to it.
    """
    _check_comparable(folder, read_run(folder).record.environment, environment)
    for path in filter(Path.exists, (folder, folder / SAMPLES_FILE)):
        if why := _not_writable(path):
            raise RunError(
                f"expected a run that can be written, got {path}: {why}. Copy {folder}, resume the copy"
            )
    with _held(folder):
        _drop_torn_line(folder / SAMPLES_FILE)
        _drop_torn_line(folder / SYSCALLS_FILE)
        yield read_run(folder)


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


def _check_comparable(folder: Path, before: Environment, environment: Environment) -> None:
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
            ("allocator", _allocator_settings(before), _allocator_settings(after)),
        )
        if old != new
    ]


def _allocator_settings(environment: Environment) -> str:
    """``LD_PRELOAD=libjemalloc.so``; ``as it comes`` where nothing is set."""
    found = {name: value for name, value in environment.extra.items() if name in ALLOCATOR_VARIABLES}
    return ", ".join(f"{name}={value}" for name, value in found.items()) or "as it comes"


def _stamped(parent: Path, moment: datetime.datetime) -> Path:
    """Make the folder named by ``moment`` under ``parent``: another name if a run has that one already."""
    stamp = moment.strftime("%Y%m%d-%H%M%S")
    parent.mkdir(parents=True, exist_ok=True)
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 100))):
        with contextlib.suppress(FileExistsError):
            (parent / name).mkdir()
            return parent / name
    raise FileExistsError(errno.EEXIST, "100 runs began in this second", str(parent / stamp))


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep every other bench out of ``folder``: their samples would be mixed. A crash gives it free too.

    The folder itself is locked, so that no file is left behind. Network file systems that cannot lock a
    folder (flock(2): on NFS it wants a file open for writing) go without.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LabError(
            f"expected {folder} for this run alone, but a bench is running in it: wait for its end, or name "
            "another folder with --out"
        ) from error
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _check_name(path: Path) -> None:
    """A run's name stands in its record and on its page, which are UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise LabError(f"expected a folder whose name is text in UTF-8, got {os.fsencode(path)!r}") from error


def _check_empty(folder: Path) -> None:
    if why := _not_writable(folder):
        raise LabError(f"expected a folder that can be written, got {folder}: {why}. Name another with --out")
    if any(folder.iterdir()):
        raise LabError(
            f"{folder} holds files already: name a new folder with --out, or continue the run in it "
            f"with --resume {folder}"
        )


def _unusable(folder: Path, error: OSError) -> LabError:
    upwards = (folder, *folder.parents)
    in_the_way = next((each for each in upwards if os.path.exists(each) and not os.path.isdir(each)), None)
    why = f"{in_the_way} is there, and is no folder" if in_the_way else error.strerror
    return LabError(
        f"expected a folder that can be made for the run, got {folder}: {why}. Name another with --out"
    )


def _not_writable(path: Path) -> str:
    """Why nothing can be written to ``path``, which exists; empty where it can."""
    if os.access(path, os.W_OK | os.X_OK if path.is_dir() else os.W_OK):
        return ""
    return "Read-only file system" if os.statvfs(path).f_flag & os.ST_RDONLY else "Permission denied"


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
