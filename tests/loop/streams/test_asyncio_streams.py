"""asyncio's own streams (StreamReader, StreamWriter) on the mini-loop's transports."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio, turns
from tests.loop.streams.certificates import contexts

Handler = Any


class Serving:
    """A server for streams that closes its connections when it ends."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        self._handler = handler
        self._options = options
        self._over: set[asyncio.Task[None]] = set()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._over.add(asyncio.current_task())
        try:
            await self._handler(reader, writer)
        finally:
            writer.close()
            await closed(writer)

    async def __aenter__(self) -> tuple[str, int]:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0, **self._options)
        return self._server.sockets[0].getsockname()

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await asyncio.gather(*self._over)
        await self._server.wait_closed()


async def closed(writer: asyncio.StreamWriter) -> None:
    """Wait for the end, however it comes."""
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100_000):
        writer.write(data)
        await writer.drain()


def test_every_way_of_reading_works(loop: Loop, run: Run) -> None:
    async def main() -> list[Any]:
        async with Serving(echo) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.writelines([b"line one\n", b"until;", b"exactly", b"the rest"])
            writer.write_eof()
            found = [
                await reader.readline(),
                await reader.readuntil(b";"),
                await reader.readexactly(7),
                await reader.read(),
                reader.at_eof(),
            ]
            writer.close()
            await writer.wait_closed()
            return found

    assert run(main()) == [b"line one\n", b"until;", b"exactly", b"the rest", True]


def test_a_stream_that_ends_early_or_runs_over_says_so(loop: Loop, run: Run) -> None:
    async def short(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 300)

    async def main() -> None:
        async with Serving(short) as address:
            reader, writer = await asyncio.open_connection(*address, limit=100)
            with pytest.raises(asyncio.LimitOverrunError):
                await reader.readuntil(b"\n")
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await reader.readexactly(400)
            assert len(caught.value.partial) == 300
            assert await reader.read(10) == b""
            writer.close()
            await closed(writer)

    run(main())


def test_draining_waits_for_a_slow_reader_and_for_nobody_else(loop: Loop, run: Run) -> None:
    release = asyncio.Event()
    total = 20_000_000

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) == b"q":
            writer.write(b"quick")
            return
        await release.wait()
        received = 1
        while data := await reader.read(1 << 20):
            received += len(data)
        writer.write(str(received).encode())

    async def main() -> bytes:
        async with Serving(slow) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(bytes(total))
            draining = asyncio.create_task(writer.drain())
            quick, other = await asyncio.open_connection(*address)
            other.write(b"q")
            assert await quick.read() == b"quick"
            assert not draining.done()
            release.set()
            await draining
            writer.write_eof()
            answer = await reader.read()
            for each in (writer, other):
                each.close()
                await closed(each)
            return answer

    assert run(main()) == str(total).encode()


def test_a_reader_with_a_limit_holds_the_sender_back(loop: Loop, run: Run) -> None:
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(400):
            writer.write(bytes(50_000))
            sent += 50_000
            await writer.drain()

    async def main() -> tuple[int, int]:
        async with Serving(flood) as address:
            reader, writer = await asyncio.open_connection(*address, limit=10_000)
            await turns(200)
            before = sent
            received = 0
            while data := await reader.read(100_000):
                received += len(data)
            writer.close()
            await closed(writer)
            return before, received

    before, received = run(main())
    assert before < received == 20_000_000


def test_many_clients_talk_at_once(loop: Loop, run: Run) -> None:
    async def client(address: Any, number: int) -> bool:
        reader, writer = await asyncio.open_connection(*address)
        lines = [b"%d %d\n" % (number, line) for line in range(20)]
        for line in lines:
            writer.write(line)
            await writer.drain()
        answers = [await reader.readline() for _ in lines]
        writer.close()
        await writer.wait_closed()
        return answers == lines

    async def main() -> list[bool]:
        async with Serving(echo) as address:
            return await asyncio.gather(*(client(address, number) for number in range(50)))

    assert run(main()) == [True] * 50


def test_a_stream_is_upgraded_to_tls(loop: Loop, run: Run) -> None:
    tls = contexts()

    async def upgrading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"OK\n")
        await writer.drain()
        await writer.start_tls(tls.server)
        await echo(reader, writer)

    async def main() -> tuple[bytes, Any]:
        async with Serving(upgrading) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"OK\n"
            await writer.start_tls(tls.client, server_hostname="localhost")
            writer.write(b"secret\n")
            answer = await reader.readline()
            version = writer.get_extra_info("ssl_object").version()
            writer.close()
            await closed(writer)
            return answer, version

    answer, version = run(main())
    assert answer == b"secret\n"
    assert version.startswith("TLS")


def test_streams_work_over_tls_from_the_start(loop: Loop, run: Run) -> None:
    tls = contexts()

    async def main() -> bytes:
        async with Serving(echo, ssl=tls.server) as address:
            reader, writer = await asyncio.open_connection(*address, ssl=tls.client)
            writer.write(b"y" * 1_000_000)
            data = await reader.readexactly(1_000_000)
            writer.close()
            await closed(writer)
            return data

    assert run(main()) == b"y" * 1_000_000


def test_streams_work_over_unix_sockets(loop: Loop, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    async def main() -> bytes:
        async with await asyncio.start_unix_server(answer, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"unix\n")
            data = await reader.read()
            writer.close()
            await writer.wait_closed()
            return data

    assert run(main()) == b"UNIX\n"


def test_the_same_conversation_gives_the_same_errors_as_on_asyncio(loop: Loop, run: Run) -> None:
    def on(_: Any, log: list[Any]) -> Any:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            log.append(await reader.readline())
            writer.write(b"partial")

        async def main() -> None:
            async with Serving(handler) as address:
                reader, writer = await asyncio.open_connection(*address)
                log.append((writer.can_write_eof(), writer.is_closing()))
                writer.write(b"hello\n")
                for attempt in (reader.readuntil(b"!"), reader.readexactly(3), reader.readline()):
                    try:
                        log.append(await attempt)
                    except asyncio.IncompleteReadError as error:
                        log.append((type(error), error.partial, error.expected))
                writer.close()
                log.append(writer.is_closing())
                try:
                    await writer.wait_closed()
                    log.append("closed")
                except OSError as error:
                    log.append(type(error))
                try:
                    writer.write(b"late")
                    await writer.drain()
                    log.append("drained")
                except OSError as error:
                    log.append(type(error))

        return main()

    ours: list[Any] = []
    run(on(loop, ours))
    assert ours == beside_asyncio(on)
    assert ours[0] == (True, False)
