"""What workloads have in common whose server is one `asyncio.Protocol` a connection.

The subjects run it through ``loop.create_server``, the floor on bare system calls: the same protocol, so that
what a subject takes above the floor is its event loop.
"""

from __future__ import annotations

import abc
import asyncio
import socket
from collections.abc import Callable

from lab.workloads.echo import MessageWorkload
from lab.workloads.echo_transports import serve_protocol
from lab.workloads.protocols_by_hand import serve_protocol_by_hand


class ProtocolWorkload(MessageWorkload):
    """A served workload whose server is a protocol."""

    @abc.abstractmethod
    def protocols(self) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of each connection of one server."""

    async def serve(self, listener: socket.socket) -> None:
        await serve_protocol(listener, self.protocols())

    def serve_by_hand(self, listener: socket.socket) -> None:
        serve_protocol_by_hand(listener, self.protocols())


class Holding(asyncio.Protocol):
    """A protocol that reads no more while its peer does not take what was written."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()
