"""Reading pipes: what comes, in order, and the end, however it comes."""

from __future__ import annotations

import contextvars
import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio, turns
from tests.loop.pipes.conftest import KINDS, Ends, files, reading, writing
from tests.loop.recording import StreamRecorder

NEWS = contextvars.ContextVar("NEWS", default="nothing")


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


def test_the_protocol_reads_in_the_context_that_made_the_transport(loop: Loop, run: Run, ends: Ends) -> None:
    seen = []

    class Curious(StreamRecorder):
        def data_received(self, data: bytes) -> None:
            seen.append(NEWS.get())
            super().data_received(data)

    async def main() -> None:
        NEWS.set("when made")
        async with reading(loop, ends[0], Curious) as protocol:
            NEWS.set("later")
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            ends[1].write(b"x")
            await protocol.log.until(lambda _: protocol.data)

    run(main())
    assert seen == ["when made"]


def test_a_pause_holds_for_what_the_kernel_has_reported_already(
    loop: Loop, run: Run, new_ends: Callable[..., Ends]
) -> None:
    class PausesAll(StreamRecorder):
        everybody: list[Any]

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            for each in self.everybody:
                each.transport.pause_reading()

    async def main() -> None:
        first, second = new_ends(), new_ends()
        async with reading(loop, first[0], PausesAll) as one, reading(loop, second[0], PausesAll) as other:
            PausesAll.everybody = [one, other]
            first[1].write(b"x")
            second[1].write(b"x")
            await turns(3)
            assert sorted((one.data, other.data)) == [b"", b"x"]

    run(main())
