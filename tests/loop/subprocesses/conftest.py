"""Processes that end themselves, told of by a pidfd or by a thread."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import contextlib
import errno
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.loop.conftest import PATIENCE
from tests.loop.recording import Recorder

PIPE = asyncio.subprocess.PIPE


BLOCKED = ("cat",)
"""A program that waits for its input."""


needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd_open(2) on this system")


class ProcessRecorder(Recorder, asyncio.SubprocessProtocol):
    """Writes down what is told of a process and its pipes."""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.log.note("pipe_data_received", fd, data)

    def pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        self.log.note("pipe_connection_lost", fd, exc)

    def process_exited(self) -> None:
        self.log.note("process_exited")


@contextlib.asynccontextmanager
async def process(loop: Any, *command: str, **options: Any) -> AsyncIterator[ProcessRecorder]:
    """The protocol of a running program, which is killed at the end if it still runs."""
    transport, protocol = await loop.subprocess_exec(ProcessRecorder, *command, **options)
    try:
        yield protocol
    finally:
        transport.close()
        await protocol.log.until_lost()


def forbid_pidfds(patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EPERM, "a sandbox says no")

    patch.setattr(os, "pidfd_open", refuse, raising=False)


def waiting_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("waiting for process")]


@pytest.fixture(params=["pidfd", "thread"])
def told_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test once with a descriptor for each process, and once without; no thread is left behind."""
    if request.param == "thread":
        forbid_pidfds(monkeypatch)
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("no pidfd_open(2) on this system")
    yield request.param
    for thread in waiting_threads():
        thread.join(PATIENCE)
    assert waiting_threads() == []


def is_reaped(pid: int) -> bool:
    """Whether nothing is left of a child: neither the process nor its exit status."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def make_zombie(pid: int) -> None:
    """End a child, of which the loop has not heard when this returns."""
    os.kill(pid, signal.SIGTERM)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
