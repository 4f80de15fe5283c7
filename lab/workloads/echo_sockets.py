"""``echo-sockets``: a few busy connections, each answered with what it sent."""

from __future__ import annotations

import socket

from lab.workloads.contract import Clients, Parameter, ServedWorkload, Values, byte_count
from lab.workloads.echo_server import serve_echo, serve_echo_by_hand

MESSAGE_BYTES_MAX = 16 << 20
"""Beyond this the load's own copies of the payloads no longer fit in memory."""

PING_PONG = "one connection in ping-pong measures the scheduler's wake-up more than the loop"


class EchoSockets(ServedWorkload):
    """Echo through ``loop.sock_recv`` and ``loop.sock_sendall``, one task a connection."""

    name = "echo-sockets"
    title = "Echo over sockets"
    question = "What does a request cost through loop.sock_recv and loop.sock_sendall?"
    unit = "request"
    parameters = (
        Parameter("connections", 64, 1, "connections, each with one message on the way"),
        Parameter("size", 1024, 1, "bytes in a message", MESSAGE_BYTES_MAX),
    )

    async def serve(self, listener: socket.socket) -> None:
        await serve_echo(listener)

    def serve_by_hand(self, listener: socket.socket) -> None:
        serve_echo_by_hand(listener)

    def clients(self, values: Values) -> Clients:
        return Clients(active=values["connections"], idle=0, message_bytes=values["size"])

    def titled(self, values: Values) -> str:
        count = values["connections"]
        plural = "" if count == 1 else "s"
        return f"{self.title}, {count:,} connection{plural}, {byte_count(values['size'])}"

    def labels(self, values: Values) -> tuple[str, ...]:
        return (PING_PONG,) if values["connections"] == 1 else ()
