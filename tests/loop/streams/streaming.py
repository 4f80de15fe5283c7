"""What the tests of stream transports talk to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

from lab.loop.loop import Loop
from tests.loop.recording import Log, StreamRecorder


async def receive(loop: asyncio.AbstractEventLoop, sock: socket.socket, count: int) -> bytes:
    """Exactly ``count`` bytes, or all there are until the end of the stream."""
    data = bytearray()
    while len(data) < count:
        more = await loop.sock_recv(sock, count - len(data))
        if not more:
            break
        data += more
    return bytes(data)


def all_of(log: Log) -> bytes:
    """What ``data_received`` got."""
    return b"".join(log.named("data_received"))


def reset(sock: socket.socket) -> None:
    """Close a TCP socket so that its peer's connection breaks (RST)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class HalfOpen(StreamRecorder):
    """Keeps its writing side open when the peer has closed its own."""

    def eof_received(self) -> bool:
        super().eof_received()
        return True


class Into(asyncio.BufferedProtocol):
    """A buffered protocol with a buffer of ``size`` bytes; ``data`` is all that came."""

    def __init__(self, size: int = 1000) -> None:
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.log = Log()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self.buffer[:nbytes]
        self.log.note("buffer_updated", nbytes)

    def eof_received(self) -> None:
        self.log.note("eof_received")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.log.note("connection_lost", exc)


@contextlib.asynccontextmanager
async def serving(
    loop: Any, protocol_factory: Any, **options: Any
) -> AsyncIterator[tuple[Any, tuple[str, int]]]:
    """A server on a port of loopback, and its address; the mini-loop's aborts its connections at the end."""
    server = await loop.create_server(protocol_factory, "127.0.0.1", 0, **options)
    try:
        yield server, server.sockets[0].getsockname()
    finally:
        server.close()
        if isinstance(loop, Loop):
            server.abort_clients()
        await server.wait_closed()


class Echo(asyncio.Protocol):
    """Sends back what comes; ``open`` counts those that are connected."""

    open = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        Echo.open += 1

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        Echo.open -= 1


async def connected(loop: Loop, address: Any, family: int = socket.AF_INET) -> socket.socket:
    """A client's bare socket."""
    sock = socket.socket(family)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
    except OSError:
        sock.close()
        raise
    return sock


async def echoed(loop: Loop, sock: socket.socket, data: bytes) -> bytes:
    await loop.sock_sendall(sock, data)
    return await receive(loop, sock, len(data))
