"""TLS over stream transports: shaking hands, or not; bulk; upgrading; and how it ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from lab.loop.loop import Loop
from lab.loop.readiness import SMALLEST_READ
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.certificates import Contexts, contexts
from tests.loop.streams.streaming import Into, all_of, serving

Reports = list[dict[str, Any]]


@pytest.fixture(scope="module")
def tls() -> Contexts:
    return contexts()


class Echo(StreamRecorder):
    """Sends back what comes, and keeps track of all of its kind."""

    made: list[Echo] = []  # noqa: RUF012 -- one list for all is the point

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        Echo.made.append(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@pytest.fixture(autouse=True)
def nobody_made() -> None:
    Echo.made.clear()


def pattern(size: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in range(-(-size // 4)))[:size]


@pytest.mark.parametrize("kind", [StreamRecorder, Into])
def test_what_goes_in_at_one_end_comes_out_at_the_other(
    loop: Loop, run: Run, tls: Contexts, kind: type[Any]
) -> None:
    async def main() -> bytes:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            transport, protocol = await loop.create_connection(kind, *address, ssl=tls.client)
            for part in (b"one", bytearray(b"two"), memoryview(b"three")):
                transport.write(part)
            transport.writelines([b"four", b"five"])
            await protocol.log.until(lambda _: len(protocol.data) == 19)
            transport.close()
            await protocol.log.until_lost()
            assert protocol.log.named("connection_lost") == [None]
            return bytes(protocol.data)

    assert run(main()) == b"onetwothreefourfive"


def test_megabytes_come_through_with_flow_control(loop: Loop, run: Run, tls: Contexts) -> None:
    chunk = pattern(500_000)

    async def main() -> bool:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            transport, protocol = await loop.create_connection(Into, *address, ssl=tls.client)
            paused = asyncio.Event()
            protocol.pause_writing, protocol.resume_writing = paused.set, paused.clear
            chunks = 0
            while not paused.is_set():
                transport.write(chunk)
                chunks += 1
            await protocol.log.until(lambda _: len(protocol.data) == chunks * len(chunk))
            assert not paused.is_set()
            transport.abort()
            await protocol.log.until_lost()
            return protocol.data == chunk * chunks

    assert run(main())


def test_both_sides_know_who_they_speak_with_even_afterwards(loop: Loop, run: Run, tls: Contexts) -> None:
    async def main() -> None:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            transport, protocol = await loop.create_connection(StreamRecorder, *address, ssl=tls.client)
            assert isinstance(transport.get_extra_info("ssl_object"), ssl.SSLObject)
            assert transport.get_extra_info("sslcontext") is tls.client
            assert transport.get_extra_info("cipher")
            assert ("IP Address", "127.0.0.1") in transport.get_extra_info("peercert")["subjectAltName"]
            names = {name: transport.get_extra_info(name) for name in ("peername", "sockname")}
            assert names["peername"] == address
            transport.close()
            await protocol.log.until_lost()
            assert {name: transport.get_extra_info(name) for name in names} == names

    run(main())


def test_a_server_that_nobody_vouches_for_is_refused(
    loop: Loop, run: Run, tls: Contexts, reports: Reports
) -> None:
    async def main() -> None:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            with pytest.raises(ssl.SSLCertVerificationError):
                await loop.create_connection(StreamRecorder, *address, ssl=tls.strangers)
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                await loop.create_connection(
                    StreamRecorder, *address, ssl=tls.client, server_hostname="other.invalid"
                )
            transport, protocol = await loop.create_connection(StreamRecorder, *address, ssl=tls.client)
            transport.abort()
            await protocol.log.until_lost()
        assert len(Echo.made) == 1, "a protocol hears of its connection only after the handshake"

    run(main())


def test_a_peer_that_speaks_no_tls_is_an_error_of_that_connection(
    loop: Loop, run: Run, tls: Contexts
) -> None:
    async def main() -> bytes:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
                await loop.sock_sendall(sock, b"GET / HTTP/1.1\r\n\r\n")
                return await loop.sock_recv(sock, 100)

    assert run(main()) == b""
    assert not Echo.made


def test_a_handshake_that_takes_too_long_is_given_up(loop: Loop, run: Run, tls: Contexts, pair: Pair) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer than"):
            await loop.create_unix_connection(
                StreamRecorder,
                sock=pair[0],
                ssl=tls.client,
                server_hostname="localhost",
                ssl_handshake_timeout=0.01,
            )
        await turns(2)

    run(main())
    assert pair[0].fileno() == -1


@pytest.mark.parametrize("after", range(4))
def test_a_handshake_that_is_cancelled_closes_the_connection(
    loop: Loop, run: Run, tls: Contexts, pair: Pair, after: int
) -> None:
    async def main() -> bytes:
        connecting = loop.create_task(
            loop.create_unix_connection(
                StreamRecorder, sock=pair[0], ssl=tls.client, server_hostname="localhost"
            )
        )
        await turns(after)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        if not after:
            pair[0].close()  # it never began: the socket is still the caller's
        while more := await loop.sock_recv(pair[1], 10_000):
            assert more[:1] == b"\x16", "no more than its hello was sent"
        return more

    assert run(main()) == b""


def test_tls_works_over_unix_sockets(loop: Loop, run: Run, tls: Contexts, tmp_path: Path) -> None:
    async def main() -> bytes:
        server = await loop.create_unix_server(Echo, tmp_path / "socket", ssl=tls.server)
        async with server:
            transport, protocol = await loop.create_unix_connection(
                StreamRecorder, tmp_path / "socket", ssl=tls.client, server_hostname="localhost"
            )
            transport.write(b"unix")
            await protocol.log.until(all_of)
            transport.close()
            await protocol.log.until_lost()
            return all_of(protocol.log)

    assert run(main()) == b"unix"


def test_an_accepted_socket_can_speak_tls(loop: Loop, run: Run, tls: Contexts, pair: Pair) -> None:
    async def main() -> bytes:
        _, (transport, protocol) = await asyncio.gather(
            loop.connect_accepted_socket(Echo, pair[0], ssl=tls.server),
            loop.create_connection(StreamRecorder, sock=pair[1], ssl=tls.client, server_hostname="localhost"),
        )
        transport.write(b"accepted")
        await protocol.log.until(all_of)
        transport.close()
        await protocol.log.until_lost()
        await Echo.made[0].log.until_lost()
        return all_of(protocol.log)

    assert run(main()) == b"accepted"


def test_the_last_bytes_and_the_end_are_both_seen(loop: Loop, run: Run, tls: Contexts) -> None:
    class Farewell(StreamRecorder):
        def connection_made(self, transport: Any) -> None:
            transport.write(b"farewell")
            transport.close()

    async def main() -> list[Any]:
        async with serving(loop, Farewell, ssl=tls.server) as (_, address):
            _, protocol = await loop.create_connection(StreamRecorder, *address, ssl=tls.client)
            return list(await protocol.log.until_lost())

    assert run(main()) == [
        "connection_made",
        ("data_received", b"farewell"),
        "eof_received",
        ("connection_lost", None),
    ]


def test_a_paused_reader_leaves_data_to_the_peer(loop: Loop, run: Run, tls: Contexts) -> None:
    data = pattern(2_000_000)

    async def main() -> bool:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            transport, protocol = await loop.create_connection(StreamRecorder, *address, ssl=tls.client)
            transport.pause_reading()
            transport.write(data)
            await turns(100)
            assert not all_of(protocol.log)
            _, high = transport.get_read_buffer_limits()
            assert high <= transport.get_read_buffer_size() <= high + SMALLEST_READ
            transport.resume_reading()
            await protocol.log.until(lambda _: len(protocol.data) == len(data))
            transport.abort()
            await protocol.log.until_lost()
            return protocol.data == data

    assert run(main())


@pytest.mark.parametrize("size", [0, 1, 16_384, 100_000])
def test_a_buffered_protocol_may_have_any_buffer_and_resize_it(
    loop: Loop, run: Run, tls: Contexts, reports: Reports, size: int
) -> None:
    class Resizing(Into):
        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            self.buffer.append(0)

    data = pattern(40_000)

    async def main() -> Any:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            transport, protocol = await loop.create_connection(
                lambda: Resizing(size), *address, ssl=tls.client
            )
            transport.write(data)
            await protocol.log.until(lambda log: len(protocol.data) == len(data) or (not size and log))
            transport.abort()
            await protocol.log.until_lost()
            return protocol.data

    assert run(main()) == (data if size else b"")
    assert [str(report["exception"]) for report in reports] == (
        [] if size else ["get_buffer() returned an empty buffer"]
    )
    reports.clear()
