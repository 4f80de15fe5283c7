"""Connections to somebody's own HTTP server, each with at most one request under way.

Rule: when to send is for an engine to say; what comes is judged here (`judged_replies`).
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.harness.load.clients import CONNECT_BATCH, ReplyError, unasked
from lab.harness.load.connecting import Address, open_connection
from lab.harness.load.judged_replies import JudgedReplies
from lab.workloads.clients import Requesting
from lab.workloads.http_replies import get
from lab.workloads.readiness import READ, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

RECEIVE_BYTES = 64 << 10
"""What one ``recv`` takes at most; below glibc's threshold for mapping memory (docs/architecture.md)."""


class RequestedConnections:
    """Connections by descriptor, and the one request that goes over all of them."""

    def __init__(self, address: Address, wire: Wire, described: Requesting) -> None:
        self._address, self._wire, self._described = address, wire, described
        host, port = address
        self.request = get(described.path, f"{host}:{port}")
        self.readiness = open_readiness()
        self.receive: dict[int, Callable[[int], bytes]] = {}
        self.send: dict[int, Callable[[bytes], int]] = {}
        self.replies = JudgedReplies(described.body)
        self._to_connect = iter(range(described.connections))
        self._sockets: dict[int, socket.socket] = {}
        self._asked: set[int] = set()

    def open_some(self) -> list[int]:
        """Connect the next batch; return their descriptors, none when all are connected."""
        return [self._open(index) for index in itertools.islice(self._to_connect, CONNECT_BATCH)]

    @property
    def active(self) -> list[int]:
        """Every descriptor, in order of connecting: requests go over all."""
        return list(self._sockets)

    def ask(self, fd: int) -> None:
        """Send a request over ``fd``."""
        self._asked.add(fd)
        self.check_sent(fd, self.send[fd](self.request))

    def received(self, fd: int, _mask: int) -> bool:
        """Take what has come; whether a whole reply has. It has been judged then."""
        data = self.receive[fd](RECEIVE_BYTES)
        if fd not in self._asked:
            raise self.unasked(fd, len(data))
        return self.take(fd, data)

    def verify(self, fd: int) -> None:
        """The reply is what was asked for, or it would not have been whole."""
        self._asked.remove(fd)

    def take(self, fd: int, data: bytes) -> bool:
        """Take a piece of a reply, or a reply that differs from the last one; whether it is whole now."""
        if not data:
            raise self.unasked(fd, 0)
        try:
            return self.replies.take(fd, data)
        except LabError as error:
            raise ReplyError(f"GET {self._described.path} on {self._named(fd)}: {error}") from error

    def check_sent(self, fd: int, sent: int) -> None:
        """Raise `ReplyError` if a part of a request is left: nothing is under way, so there must be room."""
        if sent != len(self.request):
            asked = f"a request of {len(self.request)} bytes"
            raise ReplyError(f"{self._named(fd)}: expected it to take {asked} at once, it took {sent}")

    def check_drained(self) -> None:
        """Raise `ReplyError` if a part of a reply was left over."""
        for fd in self.replies.midway:
            raise ReplyError(f"{self._named(fd)}: expected a whole reply, got a part of one")

    def check_silence(self) -> None:
        """Raise `ReplyError` if the server sent more than it was asked for, or closed a connection."""
        for fd, receive in self.receive.items():
            try:
                received = receive(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            raise self.unasked(fd, len(received))

    def close(self) -> None:
        """Reset all connections."""
        self.readiness.close()
        for each in self._sockets.values():
            each.close()

    def unasked(self, fd: int, received: int) -> ReplyError:
        """`clients.unasked`, of that connection."""
        return unasked(self._named(fd), received)

    def _open(self, index: int) -> int:
        connection = open_connection(self._wire, self._address, self._described.first + index)
        fd = connection.fileno()
        self._sockets[fd] = connection
        self.receive[fd], self.send[fd] = connection.recv, connection.send
        self.readiness.register(fd, READ)
        return fd

    def _named(self, fd: int) -> str:
        return f"connection {self.active.index(fd):,} of {len(self._sockets):,}"
