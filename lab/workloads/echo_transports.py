"""Echo servers on asyncio's transports, as a sensible programmer writes them: protocols and streams.

Each holds the peer's pace: when the transport's buffer is above its high-water mark, no more is read before
it has drained. How much a read asks the kernel for is the loop's own choice here, except into a buffer of the
protocol's own; it is a part of what is measured.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from lab.workloads.echo_server import RECV_BYTES


class EchoProtocol(asyncio.Protocol):
    """Writes back what it is given."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class BufferedEchoProtocol(asyncio.BufferedProtocol):
    """Has the loop read into a buffer that the connection keeps, and writes back a copy of what came.

    A copy, since a transport may hold on to what it was given while the next read overwrites the buffer.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.buffer = memoryview(bytearray(RECV_BYTES))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


async def serve_protocol(
    listener: socket.socket,
    protocol: Callable[[], asyncio.BaseProtocol] = EchoProtocol,
    context: ssl.SSLContext | None = None,
) -> None:
    """Serve one ``protocol`` a connection until cancelled; with ``context`` over TLS.

    `serve_forever` starts the server, once: rloop 0.5 drops the listener of a server that is started twice.
    """
    loop = asyncio.get_running_loop()
    create = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
    async with await create(protocol, sock=listener, ssl=context, start_serving=False) as server:
        await server.serve_forever()


async def serve_streams(listener: socket.socket, context: ssl.SSLContext | None = None) -> None:
    """Serve one coroutine a connection, on a reader and a writer, until cancelled."""
    start = asyncio.start_unix_server if listener.family == socket.AF_UNIX else asyncio.start_server
    async with await start(_echo, sock=listener, ssl=context, start_serving=False) as server:
        await server.serve_forever()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(RECV_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
