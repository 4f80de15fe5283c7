"""``udp``: datagrams, each sent back to where it came from."""

from __future__ import annotations

import asyncio
import socket

from lab.workloads.clients import Datagrams
from lab.workloads.contract import Parameter, ServedWorkload, Values, byte_count
from lab.workloads.echo import PING_PONG
from lab.workloads.echo_server import RECV_BYTES


class Udp(ServedWorkload):
    """Echo on a datagram endpoint. All datagrams come to one socket, so there is nothing to multiplex.

    The bounds keep all that can be on the way within that socket's buffer, so that none is lost to it.
    """

    name = "udp"
    title = "Datagrams"
    question = "What does a datagram cost through create_datagram_endpoint and sendto?"
    unit = "request"
    wire = "udp"
    parameters = (
        Parameter("connections", 32, 1, "sockets of the load, each with one datagram on the way", 64),
        Parameter("size", 512, 8, "bytes in a datagram", 1400),
    )

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        closed = loop.create_future()
        transport, _protocol = await loop.create_datagram_endpoint(
            lambda: EchoDatagrams(closed), sock=listener
        )
        try:
            await closed
        finally:
            transport.close()

    def serve_by_hand(self, listener: socket.socket) -> None:
        """One socket needs no readiness: the cheapest wait for it is the read itself."""
        listener.setblocking(True)
        receive, send = listener.recvfrom, listener.sendto
        while True:
            send(*receive(RECV_BYTES))

    def clients(self, values: Values) -> Datagrams:
        return Datagrams(values["connections"], message_bytes=values["size"])

    def titled(self, values: Values) -> str:
        count = values["connections"]
        plural = "" if count == 1 else "s"
        return f"{self.title}, {count:,} socket{plural}, {byte_count(values['size'])}"

    def labels(self, values: Values) -> tuple[str, ...]:
        return (PING_PONG,) if values["connections"] == 1 else ()


class EchoDatagrams(asyncio.DatagramProtocol):
    """Sends back what it is given; ``closed`` gets the error that ends the endpoint."""

    def __init__(self, closed: asyncio.Future[None]) -> None:
        self.closed = closed

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_exception(exc or ConnectionError("the datagram endpoint was closed"))
