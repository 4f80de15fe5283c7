"""The records as a folder of files.

``run.json`` says what was to be measured and on what machine; ``samples.jsonl`` holds one sample a line,
appended and flushed as each is taken, so that an interrupted run keeps all it has; ``syscalls.jsonl``, if
there is one, holds counts of system calls in the same way. A record is read as it was written; keys that
this version does not know are ignored, a newer ``SCHEMA`` is refused.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, TypeVar

from lab.errors import RunError
from lab.results.decoding import decode
from lab.results.records import SCHEMA, Run, RunRecord, Sample, SyscallCount

RUN_FILE = "run.json"
SAMPLES_FILE = "samples.jsonl"
SYSCALLS_FILE = "syscalls.jsonl"
MICROBENCH_FILE = "microbench.json"

REPLACING = "replace"
"""What becomes of a character that UTF-8 cannot hold: paths and names on the command line may have some."""

Record = TypeVar("Record")


def to_json(record: Any) -> str:
    """One line of JSON for any record of this module."""
    return json.dumps(dataclasses.asdict(record), separators=(",", ":"), ensure_ascii=False)


def from_json(kind: type[Record], text: str) -> Record:
    """Read a record of type ``kind`` back; raises `RunError` that says what does not fit."""
    try:
        return _parsed(kind, text.encode())
    except ValueError as error:
        raise RunError(f"expected the JSON of a {kind.__name__}, got {text[:80]!r}: {error}") from error


def write_run(folder: Path, record: RunRecord) -> None:
    """Write ``run.json`` whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / (RUN_FILE + ".draft")
    draft.write_text(
        json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False) + "\n", "utf-8", REPLACING
    )
    os.replace(draft, folder / RUN_FILE)


def append_sample(folder: Path, sample: Sample) -> None:
    """Append one sample and push it to the disk: what was measured survives whatever comes next."""
    _append(folder / SAMPLES_FILE, sample)


def append_syscalls(folder: Path, count: SyscallCount) -> None:
    """Append the system calls of one cell, in the same way."""
    _append(folder / SYSCALLS_FILE, count)


def _append(path: Path, record: Any) -> None:
    with open(path, "a", encoding="utf-8", errors=REPLACING) as file:
        file.write(to_json(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_run(folder: Path) -> Run:
    """Read a run folder; raises `RunError` if ``run.json`` is missing or cannot be understood.

    A last line of samples or counts that a crash cut off is left out. So is any other line that cannot be
    read, and microbenchmarks that cannot; ``damage`` says which. In a run that is recorded as complete no
    crash cut off anything, so there ``damage`` names the last line too.
    """
    record = _record(folder)
    ended = record.status == "complete"
    samples, damage = _lines(Sample, folder / SAMPLES_FILE, ended)
    syscalls, damaged_counts = _lines(SyscallCount, folder / SYSCALLS_FILE, ended)
    microbench, more_damage = _microbench(folder / MICROBENCH_FILE)
    damage += damaged_counts + more_damage
    return Run(folder, record, tuple(samples), microbench, tuple(damage), tuple(syscalls))


def _record(folder: Path) -> RunRecord:
    path = folder / RUN_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{folder} is not a run: expected {RUN_FILE} in it ({error.strerror})") from error
    try:
        schema = _parsed(_Versioned, data).schema
        if schema > SCHEMA:
            raise RunError(
                f"{path} has schema {schema}, this muxlab reads up to {SCHEMA}: use a newer muxlab"
            )
        return _parsed(RunRecord, data)
    except ValueError as error:
        raise RunError(f"{path} is not the record of a run: {error}") from error


@dataclasses.dataclass(frozen=True)
class _Versioned:
    """What of ``run.json`` is read before the rest: a newer muxlab may have changed all else."""

    schema: int


def _lines(kind: type[Record], path: Path, ended: bool) -> tuple[list[Record], list[str]]:
    """The records of all whole lines, and what is said of each line that cannot be read.

    ``ended``: the run was, so that a last line that is cut off is no trace of a crash, but damage.
    """
    records, damage = [], []
    # Only "\n" ends a line: standard error that a sample keeps may hold any other separator of Unicode.
    *lines, last = (_content(path) or b"").split(b"\n")
    for number, line in enumerate([*lines, last] if _is_json(last) else lines, 1):
        try:
            records.append(_parsed(kind, line))
        except ValueError as error:
            damage.append(f"{path}, line {number}, is damaged and was left out: {error}")
    if ended and last and not _is_json(last):
        damage.append(
            f"{path}, line {len(lines) + 1}, is cut off and was left out, though {RUN_FILE} says that the "
            "run is complete: copy the folder again, or take what is missing again with --resume"
        )
    return records, damage


def _microbench(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """The document of pytest-benchmark if there is one, and what is said of one that cannot be read."""
    data = _content(path)
    try:
        document = None if data is None else _json(data)
        if data is not None and not isinstance(document, dict):
            raise ValueError(f"expected an object, got {data[:40]!r}")
    except ValueError as error:
        return None, [f"{path} is damaged and was left out: {error}"]
    return document, []


def _content(path: Path) -> bytes | None:
    """All of a file; None if there is none. Raises `RunError` if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"expected a file that can be read, got {path}: {error.strerror}") from error


def _parsed(kind: type[Record], data: bytes) -> Record:
    return decode(kind, _json(data))


def _json(data: bytes) -> Any:
    """The document in ``data``; raises `ValueError` if it is none, or one that nests too deep to be read."""
    try:
        return json.loads(data.decode())
    except RecursionError as error:
        raise ValueError("expected JSON that nests some levels deep, got far more") from error


def _is_json(data: bytes) -> bool:
    """Whether ``data`` is a whole document: a line that a crash cut off is none."""
    try:
        _json(data)
    except ValueError:
        return False
    return True
