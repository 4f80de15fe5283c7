"""``muxlab bench --serve`` and ``--app``: what is measured is somebody's own program."""

from __future__ import annotations

from lab.errors import LabError
from lab.results import BodyCheck, ProgramRecord


def chosen(
    serve: str | None, app: str | None, paths: tuple[str, ...], body: BodyCheck | None
) -> tuple[ProgramRecord, ...]:
    """The program with each path that it is asked for, as in a `Selection`; raises `LabError`."""
    from lab.harness import commands
    from lab.workloads.http_replies import checked_path
    from lab.workloads.own_program import checked_place

    if serve is None and app is None:
        if paths or body:
            raise LabError("--http says what to ask your own program for: name that with --serve or --app")
        return ()
    if serve is not None and app is not None:
        raise LabError("expected --serve or --app, got both: a run measures one program")
    kind, text = (
        ("command", commands.checked(serve)) if serve is not None else ("coroutine", checked_place(app))
    )
    each_once = dict.fromkeys(map(checked_path, paths or ("/",)))
    return tuple(ProgramRecord(kind, text, path, body or "same") for path in each_once)
