"""Pipe transports: what comes, in order; what does not fit, queued; and the end, however it comes."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import gc
import os
import socket
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.contract import DescriptorLimitError
from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio, run_turns, turns
from tests.loop.high_descriptors import moved_up
from tests.loop.recording import Recorder, StreamRecorder

NEWS = contextvars.ContextVar("NEWS", default="nothing")

Ends = tuple[Any, Any]
"""The file that is read, and the one that is written; unbuffered."""


def files(reading: int, writing: int) -> Ends:
    return open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)


def pipe_ends(tmp_path: Path) -> Ends:
    return files(*os.pipe())


def fifo_ends(tmp_path: Path) -> Ends:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return files(reading, os.open(path, os.O_WRONLY))


def socket_ends(tmp_path: Path) -> Ends:
    left, right = socket.socketpair()
    return files(left.detach(), right.detach())


def terminal_ends(tmp_path: Path) -> Ends:
    master, slave = os.openpty()
    tty.setraw(slave)
    return files(master, slave)


KINDS = {"pipe": pipe_ends, "fifo": fifo_ends, "socket": socket_ends, "terminal": terminal_ends}


@pytest.fixture
def new_ends(tmp_path: Path) -> Iterator[Callable[..., Ends]]:
    """Make the two ends of one of `KINDS`; what the test leaves open is closed."""
    with contextlib.ExitStack() as closing:

        def make(kind: str = "pipe") -> Ends:
            ends = KINDS[kind](tmp_path)
            for file in ends:
                closing.enter_context(file)
            return ends

        yield make


@pytest.fixture
def ends(new_ends: Callable[..., Ends]) -> Ends:
    return new_ends()


@contextlib.asynccontextmanager
async def reading(loop: Any, file: Any, kind: type[StreamRecorder] = StreamRecorder) -> AsyncIterator[Any]:
    """The protocol that reads ``file``; its transport is closed at the end."""
    transport, protocol = await loop.connect_read_pipe(kind, file)
    try:
        yield protocol
    finally:
        transport.close()
        await protocol.log.until_lost()


@contextlib.asynccontextmanager
async def writing(loop: Any, file: Any, kind: type[Recorder] = Recorder) -> AsyncIterator[Any]:
    """The same for one that writes."""
    transport, protocol = await loop.connect_write_pipe(kind, file)
    try:
        yield protocol
    finally:
        transport.abort()
        await protocol.log.until_lost()


# -- reading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(loop: Loop, run: Run, new_ends: Callable[..., Ends], kind: str) -> None:
    ours, theirs = new_ends(kind)

    async def main() -> None:
        async with reading(loop, ours) as reader, writing(loop, theirs) as writer:
            for part in (b"one ", b"two ", b"three"):
                writer.transport.write(part)
                await turns(2)
            await reader.log.until(lambda _: reader.data == b"one two three")
            assert reader.transport.get_extra_info("pipe") is ours
            assert writer.transport.get_extra_info("pipe") is theirs

    run(main())
    assert ours.closed
    assert theirs.closed


def test_data_then_the_end_are_told_as_asyncio_tells_them(any_tasks: Loop) -> None:
    async def program(loop: Any, log: list[Any]) -> None:
        ours, theirs = files(*os.pipe())
        with theirs:
            theirs.write(b"all of it")
        _, protocol = await loop.connect_read_pipe(StreamRecorder, ours)
        log += await protocol.log.until_lost()

    log: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, log))
    assert log == beside_asyncio(program)
    assert log[1:] == [("data_received", b"all of it"), "eof_received", ("connection_lost", None)]


@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket"])
def test_the_end_comes_behind_all_data(
    loop: Loop, run: Run, new_ends: Callable[..., Ends], kind: str
) -> None:
    ours, theirs = new_ends(kind)
    content = os.urandom(50_000)

    async def main() -> None:
        async with reading(loop, ours) as protocol:
            theirs.write(content)
            theirs.close()
            await protocol.log.until_lost()
            assert protocol.data == content
            assert protocol.log[-2:] == ["eof_received", ("connection_lost", None)]

    run(main())


def test_a_terminal_ends_without_a_report(loop: Loop, run: Run, new_ends: Callable[..., Ends]) -> None:
    ours, theirs = new_ends("terminal")

    async def main() -> None:
        async with reading(loop, ours) as protocol:
            theirs.write(b"bye")
            await protocol.log.until(lambda _: protocol.data == b"bye")
            theirs.close()
            await protocol.log.until_lost()
            error = protocol.log.named("connection_lost")[0]
            assert error is None or error.errno == errno.EIO  # Linux says EIO, others end the stream

    run(main())


def test_a_device_that_is_always_ready_is_read(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with reading(loop, open("/dev/null", "rb", buffering=0)) as protocol:
            await protocol.log.until_lost()
            assert protocol.log == ["connection_made", "eof_received", ("connection_lost", None)]
        async with reading(loop, open("/dev/zero", "rb", buffering=0)) as protocol:
            await protocol.log.until(lambda log: len(log) > 3)
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            await protocol.log.until(lambda log: len(log) > 6)
            protocol.transport.pause_reading()
            taken = len(protocol.data)
            await turns(3)
            assert len(protocol.data) == taken

    run(main())


def test_paused_reading_leaves_data_in_the_pipe(loop: Loop, run: Run, ends: Ends) -> None:
    ours, theirs = ends

    async def main() -> None:
        async with reading(loop, ours) as protocol:
            protocol.transport.pause_reading()
            theirs.write(b"later")
            await turns(3)
            assert (protocol.data, protocol.transport.is_reading()) == (b"", False)
            protocol.transport.resume_reading()
            assert protocol.transport.is_reading()
            await protocol.log.until(lambda _: protocol.data == b"later")

    run(main())


def test_reading_can_be_paused_before_it_begins(loop: Loop, run: Run, ends: Ends) -> None:
    class PausesAtOnce(StreamRecorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    async def main() -> None:
        ends[1].write(b"x")
        async with reading(loop, ends[0], PausesAtOnce) as protocol:
            await turns(3)
            assert protocol.log == ["connection_made"]

    run(main())


def test_a_protocol_that_fails_is_reported_and_reads_on(
    loop: Loop, run: Run, ends: Ends, reports: list[dict[str, Any]]
) -> None:
    class Touchy(StreamRecorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if data == b"bad":
                raise LookupError("do not like it")

    async def main() -> None:
        async with reading(loop, ends[0], Touchy) as protocol:
            ends[1].write(b"bad")
            await protocol.log.until(lambda _: protocol.data == b"bad")
            ends[1].write(b"good")
            await protocol.log.until(lambda _: protocol.data == b"badgood")

    run(main())
    assert [type(report["exception"]) for report in reports] == [LookupError]
    reports.clear()


def test_the_protocol_runs_in_the_context_that_made_the_transport(loop: Loop, run: Run, ends: Ends) -> None:
    seen = []

    class Curious(StreamRecorder):
        def data_received(self, data: bytes) -> None:
            seen.append(NEWS.get())
            super().data_received(data)

        def connection_lost(self, exc: BaseException | None) -> None:
            seen.append(NEWS.get())
            super().connection_lost(exc)

    async def main() -> None:
        NEWS.set("when made")
        async with reading(loop, ends[0], Curious) as protocol:
            NEWS.set("later")
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            ends[1].write(b"x")
            await protocol.log.until(lambda _: protocol.data)

    run(main())
    assert seen == ["when made"] * 2


# -- writing -------------------------------------------------------------------------------------------


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


# -- refusals and ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
def test_a_regular_file_is_refused_as_asyncio_refuses_it(
    any_tasks: Loop, tmp_path: Path, method: str
) -> None:
    async def program(loop: Any, log: list[Any]) -> None:
        with open(tmp_path / "regular", "w+b") as file:
            with pytest.raises(ValueError) as refusal:
                await getattr(loop, method)(asyncio.Protocol, file)
            log.append(str(refusal.value))
            assert not file.closed

    ours: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, ours))
    assert ours == beside_asyncio(program)
    assert "ipe transport is" in ours[0]


def test_a_descriptor_too_high_for_the_backend_is_refused_and_closed(ends: Ends) -> None:
    number = moved_up(os.dup(ends[0].fileno()))
    with open(number, "rb", buffering=0) as high, contextlib.closing(Loop("select")) as loop:
        with pytest.raises(DescriptorLimitError):
            loop.run_until_complete(loop.connect_read_pipe(asyncio.Protocol, high))
        run_turns(loop, 2)
        assert high.closed


def test_a_cancelled_connect_closes_the_pipe(loop: Loop, ends: Ends) -> None:
    async def main() -> None:
        connecting = asyncio.ensure_future(loop.connect_read_pipe(StreamRecorder, ends[0]))
        loop.call_soon(connecting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await turns(2)

    loop.run_until_complete(main())
    assert ends[0].closed


def test_a_transport_that_nobody_closed_warns_and_closes_its_pipe(any_tasks: Loop, ends: Ends) -> None:
    making = any_tasks.connect_write_pipe(asyncio.Protocol, ends[1])
    transport, _ = any_tasks.run_until_complete(making)
    assert "open fd=" in repr(transport)
    any_tasks.close()
    assert "open fd=" in repr(transport)
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport
        gc.collect()
    assert ends[1].closed


def test_debug_mode_logs_the_other_sides_going(
    any_tasks: Loop, new_ends: Callable[..., Ends], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        any_tasks.set_debug(True)
        first, second = new_ends(), new_ends()
        async with reading(any_tasks, first[0]) as reader, writing(any_tasks, second[1]) as writer:
            first[1].close()
            second[0].close()
            await reader.log.until_lost()
            await writer.log.until_lost()

    caplog.set_level("INFO", "asyncio")
    any_tasks.run_until_complete(main())
    assert [record.getMessage().endswith("was closed by peer") for record in caplog.records] == [True] * 2
