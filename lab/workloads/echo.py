"""The echo family: a few busy connections, each answered with what it sent.

A member is a way to write the server (sockets, a protocol, a buffered protocol, streams) over a wire (TCP,
Unix sockets, TLS). All have the same parameters, clients and floors, so that the members can be compared.
"""

from __future__ import annotations

import socket
import ssl
from typing import ClassVar

from lab.workloads.clients import Asking
from lab.workloads.contract import Parameter, ServedWorkload, Values, Wire, byte_count
from lab.workloads.echo_server import LARGEST_READ_BYTES, RECV_BYTES, serve_echo, serve_echo_by_hand
from lab.workloads.echo_transports import (
    BufferedEchoProtocol,
    EchoProtocol,
    serve_protocol,
    serve_streams,
)
from lab.workloads.tls import server_context

MESSAGE_BYTES_MAX = 16 << 20
"""Beyond this the load's own copies of the payloads no longer fit in memory."""

PING_PONG = "one connection in ping-pong measures the scheduler's wake-up more than the loop"


class MessageWorkload(ServedWorkload):
    """A served workload of ``connections`` that exchange messages of ``size`` bytes: how that is told."""

    def titled(self, values: Values) -> str:
        count = values["connections"]
        plural = "" if count == 1 else "s"
        return f"{self.title}, {count:,} connection{plural}, {byte_count(values['size'])}"

    def labels(self, values: Values) -> tuple[str, ...]:
        return (PING_PONG,) if values["connections"] == 1 else ()


class Echo(MessageWorkload):
    """What all members share. The name says the wire unless it is TCP: ``echo-streams-tls``."""

    unit = "request"
    parameters = (
        Parameter("connections", 64, 1, "connections, each with one message on the way"),
        Parameter("size", 1024, 1, "bytes in a message", MESSAGE_BYTES_MAX),
    )
    server: ClassVar[str]
    """How the server is written, as in the name: ``streams``."""
    calls: ClassVar[str]
    """What the server calls for each request, for the question."""
    read_bytes: ClassVar[int]
    """How much the floor reads at once: as much as the servers ask for, or the loops' transports for them."""

    def __init__(self, wire: Wire = "tcp") -> None:
        self.wire = wire
        self.name = f"echo-{self.server}" + ("" if wire == "tcp" else f"-{wire}")
        called = {"tcp": "", "unix": " (Unix)", "tls": " (TLS)"}[wire]
        self.title = f"Echo over {self.server.replace('-', ' ')}{called}"
        over = {"tcp": "", "unix": " over Unix sockets", "tls": " over TLS"}[wire]
        self.question = f"What does a request cost through {self.calls}{over}?"

    def serve_by_hand(self, listener: socket.socket) -> None:
        serve_echo_by_hand(listener, self.context, read_bytes=self.read_bytes)

    @property
    def context(self) -> ssl.SSLContext | None:
        """The server's TLS; None where the wire is another."""
        return server_context() if self.wire == "tls" else None

    def clients(self, values: Values) -> Asking:
        return Asking(values["connections"], active=values["connections"], payload_bytes=values["size"])


class EchoSockets(Echo):
    """One task a connection, on the loop's socket methods. These know no TLS."""

    server = "sockets"
    calls = "loop.sock_recv and loop.sock_sendall"
    read_bytes = RECV_BYTES

    async def serve(self, listener: socket.socket) -> None:
        await serve_echo(listener)


class EchoProtocols(Echo):
    """Callbacks on a transport."""

    server = "protocol"
    calls = "asyncio.Protocol and transport.write"
    read_bytes = LARGEST_READ_BYTES

    async def serve(self, listener: socket.socket) -> None:
        await serve_protocol(listener, EchoProtocol, self.context)


class EchoBuffered(Echo):
    """Callbacks on a transport that reads into the protocol's own buffer."""

    server = "buffered"
    calls = "asyncio.BufferedProtocol and transport.write"
    read_bytes = RECV_BYTES

    async def serve(self, listener: socket.socket) -> None:
        await serve_protocol(listener, BufferedEchoProtocol, self.context)


class EchoStreams(Echo):
    """One task a connection, on a reader and a writer."""

    server = "streams"
    calls = "StreamReader.read, StreamWriter.write and drain"
    read_bytes = LARGEST_READ_BYTES

    async def serve(self, listener: socket.socket) -> None:
        await serve_streams(listener, self.context)
