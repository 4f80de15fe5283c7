"""Pipelines of processes, joined by the kernel or by the program: what comes out, and what is raised."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from asyncio.subprocess import PIPE, Process

import pytest

from tests.programs.conftest import RunProgram

PLAIN = {**os.environ, "LC_ALL": "C"}
"""Bytes are sorted as bytes."""
NUMBERS = random.Random(3).choices(range(3_000), k=20_000)
LINES = [b"%d\n" % number for number in NUMBERS]
"""More than a pipe holds."""


async def stage(*command: str, stdin: int = PIPE, stdout: int = PIPE) -> Process:
    return await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=stdout, env=PLAIN)


async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """All there is, as fast as the next stage takes it."""
    while data := await source.read(10_000):
        sink.write(data)
        await sink.drain()
    sink.close()
    await sink.wait_closed()


def test_stages_joined_by_the_kernel(run_program: RunProgram) -> None:
    async def main() -> tuple[bytes, list[int]]:
        between, into = os.pipe()
        sort = await stage("sort", stdout=into)
        os.close(into)
        unique = await stage("uniq", stdin=between)
        os.close(between)
        (result, _), _ = await asyncio.gather(unique.communicate(), sort.communicate(b"".join(LINES)))
        return result, [await sort.wait(), await unique.wait()]

    assert run_program(main()) == (b"".join(sorted(set(LINES))), [0, 0])


def test_stages_joined_by_the_program(run_program: RunProgram) -> None:
    async def main() -> tuple[bytes, list[int]]:
        stages = [await stage("cat"), await stage("sort"), await stage("uniq")]
        given = asyncio.StreamReader()
        given.feed_data(b"".join(LINES))
        given.feed_eof()
        async with asyncio.TaskGroup() as group:
            for source, sink in zip([given, *(each.stdout for each in stages)], stages, strict=False):
                group.create_task(pour(source, sink.stdin))
            result = group.create_task(stages[-1].stdout.read())
        return result.result(), [await each.wait() for each in stages]

    assert run_program(main()) == (b"".join(sorted(set(LINES))), [0, 0, 0])


def test_a_stage_that_stops_reading_breaks_the_pipe_of_the_one_before(run_program: RunProgram) -> None:
    async def main() -> tuple[bytes, list[int]]:
        between, into = os.pipe()
        endless = await stage("yes", stdout=into)
        os.close(into)
        head = await stage("head", "-n", "2", stdin=between)
        os.close(between)
        result, _ = await head.communicate()
        return result, [await endless.wait(), await head.wait()]

    assert run_program(main()) == (b"y\ny\n", [-signal.SIGPIPE, 0])


def test_what_goes_wrong_raises_what_asyncio_raises(run_program: RunProgram) -> None:
    async def main() -> int:
        with pytest.raises(FileNotFoundError):
            await stage("/no/such/program")
        silent = await stage("cat")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(silent.stdout.readline(), 0.01)
        silent.stdin.write(b"no end of line")
        silent.stdin.close()
        with pytest.raises(asyncio.IncompleteReadError) as cut:
            await silent.stdout.readuntil(b"\n")
        assert cut.value.partial == b"no end of line"
        code = await silent.wait()
        with contextlib.suppress(ProcessLookupError):  # asyncio: once the pipes are closed, too
            silent.kill()
        return code

    assert run_program(main()) == 0
