"""``held``: ever more connections that only stay open, each with its protocol and transport.

As ``idle``, but through ``loop.create_server``. What it is for is the memory that a connection takes, which
the harness reads while the connections are opened, and once more when all are closed.
"""

from __future__ import annotations

import socket

from lab.workloads.contract import Parameter
from lab.workloads.echo_server import LARGEST_READ_BYTES, serve_echo_by_hand
from lab.workloads.echo_transports import serve_protocol
from lab.workloads.idle import Idle


class Held(Idle):
    """Echo on ``active`` protocols while the server holds ``idle`` others."""

    name = "held"
    title = "Protocols held open"
    question = "What does a connection that is only held cost, in memory and to the others?"
    closes = True
    parameters = (
        Parameter("idle", 5000, 0, "connections that are open and silent"),
        *Idle.parameters[1:],
    )

    async def serve(self, listener: socket.socket) -> None:
        await serve_protocol(listener)

    def serve_by_hand(self, listener: socket.socket) -> None:
        serve_echo_by_hand(listener, read_bytes=LARGEST_READ_BYTES)
