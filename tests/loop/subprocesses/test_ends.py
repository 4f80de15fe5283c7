"""How processes end, who learns of it, and what is left of them: nothing."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import contextlib
import gc
import os
import signal
import subprocess

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import PATIENCE, Run, in_time
from tests.loop.high_descriptors import moved_up
from tests.loop.subprocesses.conftest import (
    BLOCKED,
    PIPE,
    ProcessRecorder,
    is_reaped,
    make_zombie,
    needs_pidfd,
    process,
    waiting_threads,
)


def test_close_kills_what_still_runs_and_the_end_is_told(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        transport, protocol = await loop.subprocess_exec(ProcessRecorder, *BLOCKED)
        assert f"pid={transport.get_pid()} running stdin=" in repr(transport)
        transport.close()
        transport.close()
        assert transport.is_closing()
        await protocol.log.until_lost()
        assert transport.get_returncode() == -signal.SIGKILL
        assert is_reaped(transport.get_pid())

    run(main())


def test_close_leaves_a_process_alone_that_has_ended(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        transport, protocol = await loop.subprocess_exec(ProcessRecorder, *BLOCKED)
        make_zombie(transport.get_pid())
        transport.close()
        await protocol.log.until_lost()
        assert transport.get_returncode() == -signal.SIGTERM

    run(main())


def test_whoever_waits_for_the_popen_gets_the_same_status(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        async with process(loop, "sh", "-c", "exit 5", stdin=None) as protocol:
            popen = protocol.transport.get_extra_info("subprocess")
            assert isinstance(popen, subprocess.Popen)
            assert popen.wait() == 5
            await protocol.log.until_lost()
            assert protocol.transport.get_returncode() == 5

    run(main())


def test_a_status_that_somebody_else_took_is_reported_as_unknown(
    loop: Loop, run: Run, told_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        make_zombie(child.pid)
        assert os.waitpid(child.pid, 0) == (child.pid, signal.SIGTERM)
        assert await child.wait() == 255

    run(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "exit status already read" in caplog.text


@needs_pidfd
def test_a_pidfd_needs_no_thread(loop: Loop, run: Run) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        assert waiting_threads() == []
        await child.communicate(b"")

    run(main())


@needs_pidfd
def test_a_pidfd_too_high_for_select_leaves_it_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    pidfd_open = os.pidfd_open
    monkeypatch.setattr(os, "pidfd_open", lambda pid: moved_up(pidfd_open(pid)))

    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        assert len(waiting_threads()) == 1
        await child.communicate(b"")
        assert child.returncode == 0

    with asyncio.Runner(loop_factory=lambda: Loop("select")) as runner:
        runner.run(in_time(main()))
    for thread in waiting_threads():
        thread.join(PATIENCE)


def test_a_closed_loop_lets_go_of_a_running_child(told_by: str) -> None:
    with contextlib.closing(Loop()) as loop:
        transport, _ = loop.run_until_complete(loop.subprocess_exec(ProcessRecorder, *BLOCKED))
    popen = transport.get_extra_info("subprocess")
    with pytest.warns(ResourceWarning, match="unclosed transport") as warned:
        del transport, _
        gc.collect()
    assert len(warned) == 4, "the process and its pipes"
    assert popen.wait() == -signal.SIGKILL
    assert is_reaped(popen.pid)
