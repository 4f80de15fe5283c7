"""Connections that carry one request at a time, and the check of every reply: what asking engines share.

Rules
- Every reply is compared with what it must be, byte for byte. Each connection has payloads of its own, and
  rotates over several, so that a reply to the wrong connection or to the wrong request is noticed.
- When to send is for an engine to say. What is rare (a request or a reply in parts, a wrong one) is dealt
  with here; for what is not, an engine takes the tables below into its own loop. They are lists with the
  descriptor as the index: descriptors are small numbers, and the interpreter reads a list's item in a tenth
  of the instructions that it takes for a dictionary's (CPython, ``BINARY_SUBSCR_LIST_INT``).
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lab.harness.load.clients import CONNECT_BATCH, ROTATION, ReplyError, distinct_payloads, unasked
from lab.harness.load.connecting import Address, open_connection
from lab.workloads.clients import Asking
from lab.workloads.exchanges import EXCHANGES, Exchange
from lab.workloads.readiness import READ, WRITE, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire
    from lab.workloads.tls import TlsSocket


def exchanges(described: Asking, seed: int) -> list[Exchange]:
    """`ROTATION` exchanges for each connection: those of connection i are at i, i + distinct, and so on."""
    payloads = distinct_payloads(described.connections, described.payload_bytes, seed)
    return list(map(EXCHANGES[described.exchange], payloads))


def spread(fds: list[int], count: int) -> list[int]:
    """``count`` of ``fds``, evenly spread: the busy ones must not be those with the lowest numbers."""
    return [fds[index * len(fds) // count] for index in range(count)]


class VerifiedConnections:
    """Connections to one server, by descriptor, and what must come back over each."""

    def __init__(self, address: Address, wire: Wire, described: Asking, seed: int) -> None:
        self._address, self._wire, self._described = address, wire, described
        self.exchanges = exchanges(described, seed)
        self.asked, self.size = map(len, self.exchanges[0])
        """The length of every request, and of every reply."""
        self.readiness = open_readiness()
        self.buffer = bytearray(self.size)
        """Where replies are received; it holds one after a `receive` of ``size``, or after `complete`."""
        self.receive: list[Callable[[bytearray], int | None]] = []
        self.send: list[Callable[[bytes | memoryview], int]] = []
        self.rotation: list[Iterator[Exchange]] = []
        """The next exchange, and so on without end."""
        self.expected: list[bytes | None] = []
        """The reply that is on the way; None: nothing was asked."""
        self._to_connect = iter(range(described.connections))
        self._sockets: dict[int, socket.socket | TlsSocket] = {}
        self._unsent: dict[int, memoryview] = {}
        self._partial: dict[int, bytearray] = {}

    def open_some(self) -> list[int]:
        """Connect the next batch; return their descriptors, none when all are connected."""
        return [self._open(index) for index in itertools.islice(self._to_connect, CONNECT_BATCH)]

    @property
    def all(self) -> list[int]:
        """Every descriptor, in order of connecting."""
        return list(self._sockets)

    @property
    def active(self) -> list[int]:
        """Those that requests go over."""
        return spread(self.all, self._described.active)

    def ask(self, fd: int) -> None:
        """Send the next request over ``fd``."""
        request, self.expected[fd] = next(self.rotation[fd])
        if (sent := self.send[fd](request)) != self.asked:
            self.keep_rest(fd, request, sent)

    def received(self, fd: int, mask: int) -> bool:
        """Take what ``fd`` is ready for; whether a whole reply has come, which `verify` is to see then."""
        if mask != READ:
            self.send_rest(fd, mask)
            return False
        came = self.receive[fd](self.buffer)
        return came == self.size or self.complete(fd, came)

    def verify(self, fd: int) -> None:
        """Raise `ReplyError` unless the reply that has come is what was asked for."""
        if self.buffer != self.expected[fd]:
            raise self.wrong_reply(fd)
        self.expected[fd] = None

    def keep_rest(self, fd: int, request: bytes, sent: int) -> None:
        """The socket took a part of the request: wait for room."""
        self._unsent[fd] = memoryview(request)[sent:]
        self.readiness.modify(fd, READ | WRITE)

    def send_rest(self, fd: int, mask: int) -> None:
        """Readiness other than plain reading. What can be read beside it is reported again."""
        if not mask & WRITE or fd not in self._unsent:
            raise self.unasked(fd, 0)
        rest = self._unsent[fd]
        rest = rest[self.send[fd](rest) :]
        if rest:
            self._unsent[fd] = rest
            self._receive_beside(fd)
        else:
            del self._unsent[fd]
            self.readiness.modify(fd, READ)

    def complete(self, fd: int, received: int | None) -> bool:
        """Add a part of a reply; when that is all of it, put the whole into the buffer and say so.

        None: what has come held no data, as a TLS session ticket.
        """
        if received is None:
            return False
        if not received:
            raise self.unasked(fd, 0)
        whole = self._partial.setdefault(fd, bytearray())
        whole += memoryview(self.buffer)[:received]
        if len(whole) < self.size:
            return False
        if len(whole) > self.size:
            raise self.unasked(fd, len(whole) - self.size)
        self.buffer[:] = whole
        del self._partial[fd]
        return True

    def check_drained(self) -> None:
        """Raise `ReplyError` if a part came alone, before a reply that came in one piece."""
        for fd, part in self._partial.items():
            raise self.unasked(fd, len(part))

    def check_silence(self) -> None:
        """Raise `ReplyError` if the server sent more than it was asked for, or closed a connection."""
        for fd in self._sockets:
            try:
                received = self.receive[fd](self.buffer)
            except BlockingIOError:
                continue
            if received is not None:
                raise self.unasked(fd, received)

    def close(self) -> None:
        """Reset all connections."""
        self.readiness.close()
        for each in self._sockets.values():
            each.close()

    def wrong_reply(self, fd: int) -> ReplyError:
        """What is wrong with the reply in the buffer."""
        expected = self.expected[fd]
        if expected is None:
            return self.unasked(fd, self.size)
        pairs = enumerate(zip(self.buffer, expected, strict=True))
        at, (came, meant) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
        promised = f"its {self.size:,} bytes back unchanged"
        if self._described.exchange != "echo":
            promised = f"the reply of {self.size:,} bytes that its request asks for"
        return ReplyError(
            f"{self._named(fd)}: expected {promised}; byte {at:,} came as 0x{came:02x}, not 0x{meant:02x}"
        )

    def unasked(self, fd: int, received: int) -> ReplyError:
        """`clients.unasked`, of that connection."""
        return unasked(self._named(fd), received)

    def _open(self, index: int) -> int:
        room = self._described.receive_buffer_bytes
        number = self._described.first + index
        connection = open_connection(self._wire, self._address, number, receive_buffer_bytes=room)
        fd = connection.fileno()
        self._sockets[fd] = connection
        self._make_room(fd)
        self.receive[fd], self.send[fd] = connection.recv_into, connection.send
        distinct = len(self.exchanges) // ROTATION
        own = self.exchanges[index % distinct :: distinct]
        self.rotation[fd] = itertools.cycle(own)
        self.readiness.register(fd, READ)
        return fd

    def _make_room(self, fd: int) -> None:
        """Let the tables reach to ``fd``; what stands at other descriptors is never asked for."""
        for table in (self.receive, self.send, self.rotation, self.expected):
            table.extend([None] * (fd + 1 - len(table)))  # type: ignore[attr-defined]

    def _receive_beside(self, fd: int) -> None:
        """Take what has come back while the request is still going out: the server may wait for that."""
        try:
            received = self.receive[fd](self.buffer)
        except BlockingIOError:
            return
        if self.complete(fd, received):
            raise ReplyError(f"{self._named(fd)}: the reply was complete before its request was sent")

    def _named(self, fd: int) -> str:
        return f"connection {self.all.index(fd):,} of {len(self._sockets):,}"
