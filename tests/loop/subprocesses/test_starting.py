"""What cannot be started, what is refused, and what the log says of a start."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import subprocess
import sys
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio, in_time, turns
from tests.loop.subprocesses.conftest import BLOCKED, PIPE, ProcessRecorder, is_reaped, process


def test_a_program_that_is_not_there_leaves_nothing_behind(loop: Loop, run: Run) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError, match="/no/such/program"):
            await asyncio.create_subprocess_exec("/no/such/program", stdin=PIPE, stdout=PIPE, stderr=PIPE)

    run(main())


def test_no_child_watcher_is_needed(any_tasks: Loop, monkeypatch: pytest.MonkeyPatch, told_by: str) -> None:
    """asyncio's loop needs one up to 3.11; from 3.14 on there are none."""
    policy = asyncio.unix_events._UnixDefaultEventLoopPolicy
    for name in ("get_child_watcher", "set_child_watcher"):
        monkeypatch.delattr(policy, name, raising=False)

    async def main() -> bytes:
        child = await asyncio.create_subprocess_exec("echo", "hello", stdout=PIPE)
        return (await child.communicate())[0]

    assert any_tasks.run_until_complete(in_time(main())) == b"hello\n"


def test_a_start_that_is_cancelled_kills_the_process(loop: Loop, run: Run, told_by: str) -> None:
    pids = []
    popen = subprocess.Popen

    class Noting(popen):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            pids.append(self.pid)

    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subprocess, "Popen", Noting)
            starting = asyncio.ensure_future(loop.subprocess_exec(ProcessRecorder, *BLOCKED))
            loop.call_soon(starting.cancel)
            with pytest.raises(asyncio.CancelledError):
                await starting
        await turns(4)

    run(main())
    assert [is_reaped(pid) for pid in pids] == [True]


REFUSED: dict[str, dict[str, Any]] = {
    "text": {"text": True},
    "newlines": {"universal_newlines": True},
    "a buffer": {"bufsize": 4096},
    "an encoding": {"encoding": "utf-8"},
    "errors of an encoding": {"errors": "strict"},
}


@pytest.mark.parametrize("options", [*REFUSED.values(), {"shell": None}], ids=[*REFUSED, "the other method"])
def test_what_asyncio_refuses_is_refused_likewise(any_tasks: Loop, options: dict[str, Any]) -> None:
    async def program(loop: Any, log: list[Any]) -> None:
        for method, wrong in ((loop.subprocess_exec, True), (loop.subprocess_shell, False)):
            given = {"shell": wrong} if "shell" in options else options
            with pytest.raises(ValueError) as refusal:
                await method(ProcessRecorder, "true", **given)
            log.append(str(refusal.value))
        with pytest.raises(ValueError) as refusal:
            await loop.subprocess_shell(ProcessRecorder, ["a", "list"])
        log.append(str(refusal.value))

    ours: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, ours))
    assert ours == beside_asyncio(program)
    assert len(ours) == 3


def test_debug_mode_logs_the_start_and_the_end_but_not_the_command(
    any_tasks: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        any_tasks.set_debug(True)
        async with process(any_tasks, sys.executable, "-c", "'a secret'", stdin=None) as protocol:
            await protocol.log.until_lost()

    caplog.set_level("DEBUG", "asyncio")
    any_tasks.run_until_complete(in_time(main()))
    assert "started" in caplog.text
    assert "exited with return code 0" in caplog.text
    assert "secret" not in caplog.text
