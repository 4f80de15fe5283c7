"""Conversations over TLS between two protocols of one loop, on any loop: what each end was told.

What the two ends are told is compared end by end: which of them is told first is the kernel's choice.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tests.loop.conftest import turns
from tests.loop.recording import Log, StreamRecorder
from tests.loop.streams.certificates import contexts

SETTLED = 20
"""Turns after which all that is under way between two ends has come."""


class Conversation(NamedTuple):
    """Two protocols of one loop, their encrypted transports, and the sockets below."""

    loop: Any
    server: Any
    client: Any
    to_server: Any
    to_client: Any
    below: tuple[socket.socket, socket.socket]

    async def settle(self) -> None:
        """Let everything come that is under way."""
        await turns(SETTLED)

    async def end(self) -> None:
        """Close the client's end, and wait for both."""
        self.to_server.close()
        await self.client.log.until_lost()
        await self.server.log.until_lost()


Act = Callable[[Conversation], Awaitable[None]]


async def played(act: Act, loop: Any, reports: Log) -> list[Any]:
    """What was told to the server, to the client and to the exception handler."""
    loop.set_exception_handler(
        lambda _, report: reports.note(report["message"], type(report.get("exception")).__name__)
    )
    below = socket.socketpair()
    try:
        (to_client, server), (to_server, client) = await asyncio.gather(
            loop.connect_accepted_socket(StreamRecorder, below[0], ssl=contexts().server),
            loop.create_connection(
                StreamRecorder, sock=below[1], ssl=contexts().client, server_hostname="localhost"
            ),
        )
        await turns(SETTLED)
        await act(Conversation(loop, server, client, to_server, to_client, below))
        await turns(SETTLED)
    finally:
        for sock in below:
            sock.close()
    return [shown(server.log), shown(client.log), reports]


def shown(log: Log) -> list[Any]:
    """The log with the names of errors in place of them."""
    return [
        ("connection_lost", type(event[1]).__name__) if event[0] == "connection_lost" else event
        for event in log
    ]
