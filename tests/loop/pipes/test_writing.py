"""Writing to pipes: what does not fit is queued, and a reader that goes away is noticed."""

from __future__ import annotations

import os
import tty
from collections.abc import Callable

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, turns
from tests.loop.pipes.conftest import KINDS, Ends, reading, writing
from tests.loop.recording import Recorder


@pytest.mark.parametrize("kind", KINDS)
def test_bulk_is_queued_paused_and_resumed_and_arrives(
    loop: Loop, run: Run, new_ends: Callable[..., Ends], kind: str
) -> None:
    ours, theirs = new_ends(kind)
    content = os.urandom(600_000)

    async def main() -> None:
        async with reading(loop, ours) as reader, writing(loop, theirs) as writer:
            writer.transport.write(content[:400_000])
            assert writer.transport.get_write_buffer_size() > 64 * 1024
            assert writer.log[-1] == "pause_writing"
            writer.transport.write(content[400_000:])
            await reader.log.until(lambda _: len(reader.data) == len(content))
            assert reader.data == content
            assert writer.transport.get_write_buffer_size() == 0
            assert writer.log == ["connection_made", "pause_writing", "resume_writing"]

    run(main())


def fill(protocol: Recorder) -> int:
    """Write until something is queued; how much was written."""
    written = 0
    while not protocol.transport.get_write_buffer_size():
        protocol.transport.write(b"x" * 10_000)
        written += 10_000
        assert written < 100_000_000, "the kernel takes it all"
    return written


@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket"])
def test_a_reader_that_goes_away_ends_the_writer_which_writes_nothing(
    loop: Loop, run: Run, new_ends: Callable[..., Ends], kind: str
) -> None:
    theirs, ours = new_ends(kind)

    async def main() -> None:
        async with writing(loop, ours) as protocol:
            theirs.close()
            await protocol.log.until_lost()
            assert protocol.log == ["connection_made", ("connection_lost", None)]

    run(main())


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_reader_that_goes_away_breaks_the_pipe_for_what_is_queued(
    loop: Loop, run: Run, new_ends: Callable[..., Ends], kind: str
) -> None:
    theirs, ours = new_ends(kind)

    async def main() -> None:
        async with writing(loop, ours) as protocol:
            fill(protocol)
            theirs.close()
            await protocol.log.until_lost()
            error = protocol.log.named("connection_lost")[0]
            assert isinstance(error, (BrokenPipeError, ConnectionResetError))
            assert protocol.transport.get_write_buffer_size() == 0

    run(main())


def test_a_write_that_finds_the_reader_gone_ends_the_transport(
    loop: Loop, run: Run, ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    theirs, ours = ends

    async def main() -> None:
        async with writing(loop, ours) as protocol:
            theirs.close()
            protocol.transport.write(b"x")
            assert protocol.transport.is_closing()
            assert "connection_lost" not in protocol.log
            await protocol.log.until_lost()
            assert isinstance(protocol.log.named("connection_lost")[0], BrokenPipeError)
            for _ in range(6):
                protocol.transport.write(b"too late")

    run(main())
    assert len(caplog.records) == 2


@pytest.mark.parametrize("end", ["close", "write_eof"])
def test_the_end_comes_behind_what_is_queued(loop: Loop, run: Run, ends: Ends, end: str) -> None:
    async def main() -> None:
        async with reading(loop, ends[0]) as reader, writing(loop, ends[1]) as writer:
            reader.transport.pause_reading()
            written = fill(writer)
            assert writer.transport.can_write_eof()
            getattr(writer.transport, end)()
            writer.transport.write(b"dropped")
            await turns(3)
            assert "connection_lost" not in writer.log
            reader.transport.resume_reading()
            await reader.log.until_lost()
            assert reader.data == b"x" * written
            await writer.log.until_lost()
            assert writer.log[-1] == ("connection_lost", None)

    run(main())


def test_abort_drops_what_is_queued_and_tells_the_end_once(loop: Loop, run: Run, ends: Ends) -> None:
    async def main() -> None:
        async with reading(loop, ends[0]) as reader, writing(loop, ends[1]) as writer:
            written = fill(writer)
            writer.transport.abort()
            writer.transport.abort()
            writer.transport.close()
            await reader.log.until_lost()
            assert len(reader.data) < written
            await writer.log.until_lost()
            assert writer.log.count(("connection_lost", None)) == 1

    run(main())


def test_what_is_queued_is_a_copy(loop: Loop, run: Run, ends: Ends) -> None:
    async def main() -> None:
        async with reading(loop, ends[0]) as reader, writing(loop, ends[1]) as writer:
            written = fill(writer)
            mutable = bytearray(b"before")
            writer.transport.write(memoryview(mutable))
            mutable[:] = b"after!"
            await reader.log.until(lambda _: len(reader.data) == written + 6)
            assert reader.data.endswith(b"xbefore")

    run(main())


def test_one_terminal_can_be_read_and_written_by_the_same_descriptor(loop: Loop, run: Run) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)

    async def main() -> None:
        with open(slave, "r+b", buffering=0) as ours:
            async with writing(loop, ours) as writer, reading(loop, ours) as reader:
                writer.transport.write(b"out")
                os.write(master, b"in")
                await reader.log.until(lambda _: reader.data == b"in")
                assert os.read(master, 100) == b"out"

    try:
        run(main())
    finally:
        os.close(master)


def test_only_bytes_can_be_written(loop: Loop, run: Run, ends: Ends) -> None:
    async def main() -> None:
        async with writing(loop, ends[1]) as protocol:
            with pytest.raises(TypeError, match="bytes-like object, not 'str'"):
                protocol.transport.write("text")

    run(main())
