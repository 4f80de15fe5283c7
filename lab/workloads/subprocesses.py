"""``subprocesses``: start a process, send it bytes through a pipe, get them back, wait for its end.

The child is ``cat``: it copies its standard input to its standard output and ends. ``concurrent`` of them are
under way at a time. asyncio's whole way is measured: ``create_subprocess_exec``, two pipes with their
streams, and however the loop learns of the end (a pidfd, a thread, SIGCHLD).

The CPU is that of the measured process, what the kernel spends there on copying it included; what a child
does is not. All share one core, so the throughput has the children's work in it.

Verified: each child gives back exactly the bytes that it got, and ends with status 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.workloads.contract import (
    DESCRIPTOR_HEADROOM,
    InProcessWorkload,
    Parameter,
    Values,
    byte_count,
)

DESCRIPTORS_OF_CHILD = 8
"""Two pipes, both ends of which are open for a moment; the pipe that reports a failed ``exec``; a pidfd."""
PATTERN = bytes(range(256))


class Subprocesses(InProcessWorkload):
    """``asyncio.create_subprocess_exec`` and ``Process.communicate``."""

    name = "subprocesses"
    title = "Subprocesses"
    question = "What does it cost to start a process, exchange bytes with it and wait for its end?"
    unit = "process"
    parameters = (
        Parameter("concurrent", 4, 1, "processes that are under way at a time", 256),
        Parameter("payload", 1024, 1, "bytes that go to each and come back", 32_768),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[SubprocessesOnLoop]:
        yield SubprocessesOnLoop(values)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[SubprocessesByHand]:
        yield SubprocessesByHand(values)

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['concurrent']:,} at a time, {byte_count(values['payload'])}"

    def server_descriptors(self, values: Values) -> int:
        return values["concurrent"] * DESCRIPTORS_OF_CHILD + DESCRIPTOR_HEADROOM


class _Children:
    """What the children are, and what each must give back."""

    def __init__(self, values: Values) -> None:
        self.concurrent = values["concurrent"]
        self.program = _cat()
        size = values["payload"]
        self.payloads = [_payload(child, size) for child in range(self.concurrent)]
        """For each child its own, so that one child's bytes cannot pass for another's."""

    def check(self, child: int, came: bytes, status: int | None) -> None:
        """Raise `LabError` unless the child gave back what it got and ended well."""
        if came != self.payloads[child]:
            size = len(self.payloads[child])
            raise LabError(
                f"subprocesses: expected child {child} to give its {size:,} bytes back, got {len(came):,}"
                + (" others" if len(came) == size else "")
            )
        if status != 0:
            raise LabError(f"subprocesses: expected child {child} to end with status 0, got {status}")


def _cat() -> str:
    found = shutil.which("cat")
    if found is None:
        raise LabError("subprocesses: expected a program called cat on the PATH, found none")
    return found


def _payload(child: int, size: int) -> bytes:
    start = child % len(PATTERN)
    return (PATTERN * (size // len(PATTERN) + 2))[start : start + size]


class SubprocessesOnLoop(_Children):
    """The children as asyncio's subprocesses."""

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the processes that came and went."""
        processes, end = 0, time.perf_counter() + seconds
        while not processes or time.perf_counter() < end:
            await asyncio.gather(*map(self._exchange, range(self.concurrent)))
            processes += self.concurrent
        return processes

    async def _exchange(self, child: int) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(self.program, stdin=pipe, stdout=pipe)
        came, _ = await process.communicate(self.payloads[child])
        self.check(child, came, process.returncode)


class SubprocessesByHand(_Children):
    """The floor: posix_spawn(3), a ``write``, ``read`` until the end, waitpid(2)."""

    def run(self, seconds: float) -> int:
        """As `SubprocessesOnLoop.run`."""
        processes, end = 0, time.perf_counter() + seconds
        while not processes or time.perf_counter() < end:
            started = [self._start(child) for child in range(self.concurrent)]
            for child, (pid, read_fd) in enumerate(started):
                came = _read_all(read_fd)
                self.check(child, came, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            processes += self.concurrent
        return processes

    def _start(self, child: int) -> tuple[int, int]:
        """Start ``child`` and send it its bytes, which a pipe holds; return its id and where it answers."""
        (child_in, write_fd), (read_fd, child_out) = os.pipe(), os.pipe()
        # Python's descriptors are closed on exec; those that are put in place by dup2 are not.
        actions = [(os.POSIX_SPAWN_DUP2, child_in, 0), (os.POSIX_SPAWN_DUP2, child_out, 1)]
        # As Popen does: SIGPIPE is ignored in Python, and must not be in a child.
        pid = os.posix_spawn(
            self.program, [self.program], os.environ, file_actions=actions, setsigdef=[signal.SIGPIPE]
        )
        os.close(child_in)
        os.close(child_out)
        os.write(write_fd, self.payloads[child])
        os.close(write_fd)
        return pid, read_fd


def _read_all(fd: int) -> bytes:
    chunks = []
    while chunk := os.read(fd, 65_536):
        chunks.append(chunk)
    os.close(fd)
    return b"".join(chunks)
