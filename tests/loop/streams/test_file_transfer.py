"""Files through transports: by the kernel where it can, by hand where it cannot, and what is kept up."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.certificates import contexts
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import all_of, receive, serving

NewPair = Callable[..., Pair]

DATA = b"".join(number.to_bytes(4, "big") for number in range(150_000))
needs_sendfile = pytest.mark.skipif(not hasattr(os, "sendfile"), reason="there is no sendfile(2) here")


class InMemory(io.BytesIO):
    """A file without a descriptor: the kernel cannot send it."""


@pytest.fixture(params=["by the kernel", "by hand"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "by hand":
        yield InMemory(DATA)
        return
    (tmp_path / "file").write_bytes(DATA)
    with (tmp_path / "file").open("rb") as opened:
        yield opened


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [
        (0, None, DATA),
        (1000, None, DATA[1000:]),
        (7, 300_001, DATA[7:300_008]),
        (0, 10, DATA[:10]),
        (len(DATA) - 5, 100, DATA[-5:]),
        (len(DATA), None, b""),
    ],
)
def test_what_was_asked_for_is_sent_between_what_is_written(
    loop: Loop,
    run: Run,
    put_on: PutOn,
    new_pair: NewPair,
    file: Any,
    offset: int,
    count: int | None,
    expected: bytes,
) -> None:
    async def main() -> bytes:
        here, there = new_pair(buffer=8192)
        transport = (await put_on(here, StreamRecorder())).transport
        receiving = loop.create_task(receive(loop, there, 2 * len(DATA)))
        before = bytes(100_000)
        transport.write(before)
        sent = await loop.sendfile(transport, file, offset, count)
        assert sent == len(expected)
        assert file.tell() == (offset + sent if sent else file.tell())
        transport.write(b"after")
        transport.close()
        received = await receiving
        assert received.startswith(before) and received.endswith(b"after")
        return received[len(before) : -5]

    assert run(main()) == expected


def test_nothing_is_read_before_the_file_has_been_sent(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, file: Any
) -> None:
    async def main() -> list[bool]:
        here, there = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        sending = loop.create_task(loop.sendfile(protocol.transport, file))
        await loop.sock_sendall(there, b"meanwhile")
        received = len(await receive(loop, there, 100_000))
        states = [sending.done(), protocol.transport.is_reading(), bool(all_of(protocol.log))]
        await receive(loop, there, len(DATA) - received)
        assert await sending == len(DATA)
        await protocol.log.until(all_of)
        return states

    assert run(main()) == [False, False, False]


@needs_sendfile
def test_nothing_can_be_written_while_the_kernel_sends(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(DATA)

    async def main() -> None:
        here, there = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        with (tmp_path / "file").open("rb") as opened:
            sending = loop.create_task(loop.sendfile(protocol.transport, opened))
            await turns(3)
            with pytest.raises(RuntimeError, match="sendfile is in progress"):
                protocol.transport.write(b"x")
            with pytest.raises(RuntimeError, match="already set"):
                await loop.sendfile(protocol.transport, opened)
            await receive(loop, there, len(DATA))
            await sending
        protocol.transport.write(b"now")
        assert await receive(loop, there, 3) == b"now"

    run(main())


@pytest.mark.parametrize("how", ["close", "abort", "peer"])
def test_a_connection_that_ends_meanwhile_is_an_error_of_the_transfer(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, file: Any, how: str
) -> None:
    async def main() -> list[Any]:
        here, there = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        sending = loop.create_task(loop.sendfile(protocol.transport, file))
        await receive(loop, there, 50_000)
        there.close() if how == "peer" else getattr(protocol.transport, how)()
        with pytest.raises((ConnectionError, BrokenPipeError)):
            await sending
        protocol.transport.abort()
        await protocol.log.until_lost()
        return protocol.log.named("connection_lost")

    assert len(run(main())) == 1


@needs_sendfile
@pytest.mark.parametrize("how", ["close", "write_eof"])
def test_a_stream_that_is_ended_before_the_file_ends_behind_what_was_written(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, tmp_path: Path, how: str
) -> None:
    (tmp_path / "file").write_bytes(DATA)

    async def main() -> bytes:
        here, there = new_pair(buffer=8192)
        transport = (await put_on(here, StreamRecorder())).transport
        transport.write(DATA[:100_000])
        with (tmp_path / "file").open("rb") as opened:
            sending = loop.create_task(loop.sendfile(transport, opened))
            await turns(3)
            getattr(transport, how)()
            received = await receive(loop, there, 2 * len(DATA))
            with pytest.raises((ConnectionError, RuntimeError)):
                await sending
        transport.abort()
        await turns(2)
        return received

    assert run(main()) == DATA[:100_000]


def test_a_cancelled_transfer_leaves_a_transport_that_works(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, file: Any
) -> None:
    async def main() -> bytes:
        here, there = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        sending = loop.create_task(loop.sendfile(protocol.transport, file))
        received = len(await receive(loop, there, 50_000))
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        assert sending.cancelled()
        assert received <= file.tell() < len(DATA)
        assert protocol.transport.is_reading()
        rest = file.tell() - received
        protocol.transport.write(b"goes on")
        data = await receive(loop, there, rest + 7)
        return data[-7:]

    assert run(main()) == b"goes on"


def test_the_protocol_is_told_how_full_the_queue_is_afterwards(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> list[Any]:
        here, there = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.set_write_buffer_limits(high=1000)
        await loop.sendfile(protocol.transport, InMemory(bytes(16_000)))
        told = list(protocol.log)
        paused = protocol.transport.get_write_buffer_size() > 1000
        await receive(loop, there, 16_000)
        await protocol.log.until(lambda log: log.count("pause_writing") == log.count("resume_writing"))
        assert ("pause_writing" in told) is paused
        return protocol.log

    run(main())


@pytest.mark.parametrize("size", [0, 10, 500_000])
def test_tls_encrypts_files_by_hand(loop: Loop, run: Run, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(DATA[:size])
    tls = contexts()

    async def main() -> bytes:
        receiver = StreamRecorder()
        async with serving(loop, lambda: receiver, ssl=tls.server) as (_, address):
            transport, _ = await loop.create_connection(StreamRecorder, *address, ssl=tls.client)
            with (tmp_path / "file").open("rb") as opened:
                with pytest.raises(RuntimeError, match="fallback is disabled"):
                    await loop.sendfile(transport, opened, fallback=False)
                assert await loop.sendfile(transport, opened) == size
            transport.close()
            await receiver.log.until_lost()
            return all_of(receiver.log)

    assert run(main()) == DATA[:size]


def test_what_cannot_be_sent_is_refused(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("text")

    async def main() -> None:
        transport = (await put_on(pair[0], StreamRecorder())).transport
        with (tmp_path / "file").open() as text, pytest.raises(ValueError, match="binary mode"):
            await loop.sendfile(transport, text)
        with pytest.raises(asyncio.SendfileNotAvailableError):
            await loop.sendfile(transport, InMemory(b"x"), fallback=False)
        with (tmp_path / "file").open("rb") as opened:
            with pytest.raises(RuntimeError, match="sendfile is not supported for transport"):
                await loop.sendfile(UnableTransport(), opened)
            transport.close()
            with pytest.raises(RuntimeError, match="is closing"):
                await loop.sendfile(transport, opened)

    run(main())


class UnableTransport(asyncio.Transport):
    """One that cannot send files."""

    def is_closing(self) -> bool:
        return False
