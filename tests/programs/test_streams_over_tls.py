"""asyncio's own streams over TLS: what is said, what is refused, and what each end is told in which order."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme

from tests.programs.conftest import MEGABYTE, RunProgram

Address = tuple[str, int]


@pytest.fixture
def own(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """What the server shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


async def keep_books(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line, its length in front of so many bytes, with the digest of these bytes and them."""
    with contextlib.closing(writer):
        while line := await reader.readline():
            body = await reader.readexactly(int(line))
            writer.writelines([hashlib.sha256(body).digest(), body])
            await writer.drain()


@contextlib.asynccontextmanager
async def serving(listener: socket.socket, own: ssl.SSLContext) -> AsyncIterator[Address]:
    async with await asyncio.start_server(keep_books, sock=listener, ssl=own) as server:
        yield server.sockets[0].getsockname()


async def booked(address: Address, trusting: ssl.SSLContext, *bodies: bytes) -> list[bytes]:
    """Send the bodies over one connection; what is answered, digests checked."""
    reader, writer = await asyncio.open_connection(*address, ssl=trusting)
    answers = []
    for body in bodies:
        writer.write(b"%d\n" % len(body) + body)
        await writer.drain()
        digest = await reader.readexactly(32)
        answers.append(await reader.readexactly(len(body)))
        assert hashlib.sha256(answers[-1]).digest() == digest
    writer.close()
    await writer.wait_closed()
    return answers


def test_everybody_gets_their_own_bytes_large_and_small(
    run_program: RunProgram, listener: socket.socket, own: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async def main() -> list[list[bytes]]:
        async with serving(listener, own) as address:
            bodies = [[b"%d" % number * 10, b"", b"%d" % number * 1000] for number in range(5)]
            crowd = [booked(address, trusting, *each) for each in bodies]
            answers = await asyncio.gather(*crowd, booked(address, trusting, MEGABYTE))
            return [given == got for given, got in zip([*bodies, [MEGABYTE]], answers, strict=True)]

    assert run_program(main()) == [True] * 6


def test_what_goes_wrong_raises_what_asyncio_raises(
    run_program: RunProgram, listener: socket.socket, own: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async def main() -> list[str]:
        raised = []
        async with serving(listener, own) as address:
            strangers = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for options in ({"ssl": strangers}, {"ssl": trusting, "server_hostname": "elsewhere.invalid"}):
                with pytest.raises(OSError) as refusal:
                    await asyncio.open_connection(*address, **options)
                raised.append(type(refusal.value).__name__)
            reader, writer = await asyncio.open_connection(*address, ssl=trusting)
            assert not writer.can_write_eof()
            with pytest.raises(NotImplementedError):
                writer.write_eof()
            writer.write(b"no number\n")  # the server's handler fails, and its end closes
            with pytest.raises(asyncio.IncompleteReadError) as cut:
                await reader.readexactly(1)
            raised.append(f"{cut.value.partial!r} of {cut.value.expected}")
            writer.close()
            await writer.wait_closed()
            assert await booked(address, trusting, b"still there") == [b"still there"]
            return raised

    failed: list[str] = []

    async def with_a_failing_handler() -> list[str]:
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, report: failed.append(type(report["exception"]).__name__))
        try:
            return await main()
        finally:
            loop.set_exception_handler(before)

    refusals = ["SSLCertVerificationError"] * 2
    assert run_program(with_a_failing_handler()) == [*refusals, "b'' of 1"]
    assert failed == ["ValueError"]


class Told(asyncio.Protocol):
    """Writes down what it is told; ends when it has heard the last word."""

    def __init__(self, first: bytes = b"", last: bytes = b"") -> None:
        self.first, self.last = first, last
        self.log: list[Any] = []
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.log.append(("made", transport.get_extra_info("ssl_object") is not None))
        transport.write(self.first)

    def data_received(self, data: bytes) -> None:
        self.log.append(data)
        if data == self.last:
            self.transport.close()
            self.log.append(("closing", self.transport.is_closing()))
        else:
            self.transport.write(b"last word")

    def eof_received(self) -> None:
        self.log.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.log.append(("lost", exc))
        self.over.set_result(self.log)


def test_each_end_is_told_the_same_in_the_same_order(
    run_program: RunProgram, listener: socket.socket, own: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async def main() -> tuple[list[Any], list[Any]]:
        loop = asyncio.get_running_loop()
        server_end = Told()
        server = await loop.create_server(lambda: server_end, sock=listener, ssl=own)
        async with server:
            client_end = Told(first=b"first word", last=b"last word")
            await loop.create_connection(lambda: client_end, *listener.getsockname(), ssl=trusting)
            return await client_end.over, await server_end.over

    client, server = run_program(main())
    assert client == [("made", True), b"last word", ("closing", True), "eof", ("lost", None)]
    assert server == [("made", True), b"first word", "eof", ("lost", None)]
