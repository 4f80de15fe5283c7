"""``muxlab bench --serve`` and ``--app``: what is measured is somebody's own program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.results import BodyCheck, ProgramRecord, RunRecord, Sample

if TYPE_CHECKING:
    from lab.harness.machine.cores import Cores


def chosen(
    serve: str | None, app: str | None, paths: tuple[str, ...], body: BodyCheck | None
) -> tuple[ProgramRecord, ...]:
    """The program with each path that it is asked for, as in a `Selection`; raises `LabError`."""
    from lab.harness.measured import commands
    from lab.workloads.http_replies import checked_path
    from lab.workloads.own_program import checked_place

    if serve is not None and app is not None:
        raise LabError("expected --serve or --app, got both: a run measures one program")
    if serve is None and app is None:
        if paths or body:
            raise LabError("--http says what to ask your own program for: name that with --serve or --app")
        return ()
    paths = tuple(dict.fromkeys(map(checked_path, paths or ("/",))))
    if serve is not None:
        text = commands.checked(serve)
        return tuple(ProgramRecord("command", text, path, body or "same") for path in paths)
    place = checked_place(app)
    return tuple(ProgramRecord("coroutine", place, path, body or "same") for path in paths)


def packages(programs: Iterable[ProgramRecord]) -> list[str]:
    """What may be a package in the words of their commands; some are not: their versions are looked up."""
    words = [word for each in programs for word in each.name.split() if not word.startswith("-")]
    return [os.path.basename(word).partition(":")[0].partition(".")[0] for word in words]


def rehearsed(record: RunRecord, cores: Cores, measure: Callable[..., Sample]) -> None:
    """Try the program of ``record``, if it has one, before the run; raises `LabError` where that fails."""
    from lab.cli.terminal import console
    from lab.harness.planning.rehearsal import rehearse

    if record.control and (programs := [each.work for each in record.scenarios if each.program]):
        console(sys.stderr).print(f"Trying {programs[0]}, on {record.control.name} ...", soft_wrap=True)
        rehearse(record, cores, measure)
