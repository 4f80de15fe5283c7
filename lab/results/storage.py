"""The records as a folder of files.

``run.json`` says what was to be measured and on what machine; ``samples.jsonl`` holds one sample a line,
appended and flushed as each is taken, so that an interrupted run keeps all it has. A record is read as it
was written; keys that this version does not know are ignored, a newer ``SCHEMA`` is refused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from lab.errors import RunError
from lab.results.records import SCHEMA, Run, RunRecord, Sample

RUN_FILE = "run.json"
SAMPLES_FILE = "samples.jsonl"
MICROBENCH_FILE = "microbench.json"

Record = TypeVar("Record")


def to_json(record: Any) -> str:
    """One line of JSON for any record of this module."""
    return json.dumps(dataclasses.asdict(record), separators=(",", ":"), ensure_ascii=False)


def from_json(kind: type[Record], text: str) -> Record:
    """Read a record of type ``kind`` back; raises `RunError` that says what does not fit."""
    try:
        return _decode(kind, json.loads(text))
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"expected the JSON of a {kind.__name__}, got {text[:80]!r}: {error}") from error


def write_run(folder: Path, record: RunRecord) -> None:
    """Write ``run.json`` whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / (RUN_FILE + ".draft")
    draft.write_text(json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False) + "\n", "utf-8")
    os.replace(draft, folder / RUN_FILE)


def append_sample(folder: Path, sample: Sample) -> None:
    """Append one sample and push it to the disk: what was measured survives whatever comes next."""
    with open(folder / SAMPLES_FILE, "a", encoding="utf-8") as file:
        file.write(to_json(sample) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_run(folder: Path) -> Run:
    """Read a run folder; raises `RunError` if ``run.json`` is missing or cannot be understood.

    A last line of the samples that a crash cut off is left out. So is any other line that cannot be read, and
    ``damage`` says which.
    """
    path = folder / RUN_FILE
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise RunError(f"{folder} is not a run: expected {RUN_FILE} in it ({error.strerror})") from error
    schema = _schema(path, text)
    if schema > SCHEMA:
        raise RunError(f"{path} has schema {schema}, this muxlab reads up to {SCHEMA}: use a newer muxlab")
    samples, damage = _samples(folder / SAMPLES_FILE)
    microbench = folder / MICROBENCH_FILE
    return Run(
        folder=folder,
        record=from_json(RunRecord, text),
        samples=tuple(samples),
        microbench=json.loads(microbench.read_text("utf-8")) if microbench.exists() else None,
        damage=tuple(damage),
    )


def _schema(path: Path, text: str) -> int:
    try:
        return int(json.loads(text)["schema"])
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} is not the record of a run: {error!r}") from error


def _samples(path: Path) -> tuple[list[Sample], list[str]]:
    """The samples of all whole lines, and what is said of each line that cannot be read."""
    samples, damage = [], []
    # Only "\n" ends a line: standard error that a sample keeps may hold any other separator of Unicode.
    *lines, last = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for number, line in enumerate(lines, 1):
        try:
            samples.append(from_json(Sample, line.decode()))
        except (RunError, UnicodeDecodeError) as error:
            damage.append(f"{path}, line {number}, is damaged and was left out: {error}")
    with contextlib.suppress(RunError, UnicodeDecodeError):
        samples.extend([from_json(Sample, last.decode())] if last else [])
    return samples, damage


def _decode(kind: Any, value: Any) -> Any:
    """Build ``kind`` (a dataclass or an annotation used in this module) from plain JSON values."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (choice for choice in typing.get_args(kind) if choice is not type(None))
        return _decode(kind, value)
    if origin is tuple:
        inner = typing.get_args(kind)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_decode(each, item) for each, item in zip(kinds, value, strict=True))
    if origin is Literal and value not in typing.get_args(kind):
        raise ValueError(f"expected one of {typing.get_args(kind)}, got {value!r}")
    if not dataclasses.is_dataclass(kind):
        return value
    hints = typing.get_type_hints(kind)
    names = [each.name for each in dataclasses.fields(kind) if each.name in value]
    return kind(**{name: _decode(hints[name], value[name]) for name in names})
