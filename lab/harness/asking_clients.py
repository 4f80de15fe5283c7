"""Clients that ask and wait for the reply: the engine of echo, http and whatever has one reply a request.

Rules, beside those of the contract
- A connection sends its next request only when the reply to the last has come back whole.
- Every reply is compared with what it must be, byte for byte. Each connection has payloads of its own, and
  rotates over several, so that a reply to the wrong connection or to the wrong request is noticed.
- A request's time runs from just before its ``send`` to just after the ``recv`` that completes its reply. The
  clock is read once a request: the end of one is the beginning of the next on that connection.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.clients import (
    CONNECT_BATCH,
    ROTATION,
    Exchanged,
    LoadClients,
    ReplyError,
    distinct_payloads,
)
from lab.harness.connecting import Address, open_connection
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


class AskingClients(LoadClients):
    """Connections to one server, and the exchange of messages over some of them."""

    def __init__(self, address: Address, wire: Wire, described: Asking, seed: int) -> None:
        super().__init__()
        self._address, self._wire, self._described = address, wire, described
        self.exchanges = exchanges(described, seed)
        self._asked, self._size = map(len, self.exchanges[0])
        self._readiness = open_readiness()
        self._to_connect = iter(range(described.connections))
        self._sockets: dict[int, socket.socket | TlsSocket] = {}
        self._receive: dict[int, Callable[[bytearray], int | None]] = {}
        self._send: dict[int, Callable[[bytes | memoryview], int]] = {}
        self._next_exchange: dict[int, Callable[[], Exchange]] = {}
        self._expected: dict[int, bytes | None] = {}
        self._sent_ns: dict[int, int] = {}
        self._unsent: dict[int, memoryview] = {}
        self._partial: dict[int, bytearray] = {}
        self._buffer = bytearray(self._size)

    def connect(self) -> list[int]:
        """Connect all, as `connect_some`; return the descriptors in order of connecting."""
        while self.connect_some():
            pass
        return list(self._sockets)

    def connect_some(self) -> int:
        batch = [self._open(index) for index in itertools.islice(self._to_connect, CONNECT_BATCH)]
        if batch:
            self.exchange(batch, 0.0)
        return len(batch)

    def run(self, seconds: float) -> Exchanged:
        return self.exchange(spread(list(self._sockets), self._described.active), seconds)

    # HOT: the load's own cost per request bounds what it can ask of a server. It stands for
    #   for fd, mask in poll(): self.finish(fd); self.start(fd)
    # with bound methods kept by descriptor, and one clock reading a request.
    def exchange(self, fds: Sequence[int], seconds: float) -> Exchanged:
        """Ask over ``fds`` for ``seconds``, at least once each, and drain; raises `ReplyError`."""
        poll, receive, send, clock = self._readiness.poll, self._receive, self._send, perf_counter_ns
        expected, next_exchange, sent_ns = self._expected, self._next_exchange, self._sent_ns
        latencies_ns, buffer, asked, size = self.latencies_ns, self._buffer, self._asked, self._size
        count, room, outstanding = 0, len(latencies_ns), len(fds)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for fd in fds:
            request, expected[fd] = next_exchange[fd]()
            sent_ns[fd] = clock()
            if (sent := send[fd](request)) != asked:
                self._keep_rest(fd, request, sent)
        while outstanding:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, mask in events:
                if mask != READ:
                    self._send_rest(fd, mask)
                    continue
                if (received := receive[fd](buffer)) != size and not self._complete(fd, received):
                    continue
                now = clock()
                if buffer != expected[fd]:
                    raise self._wrong_reply(fd)
                latencies_ns[count] = now - sent_ns[fd]
                count += 1
                if now >= end:
                    expected[fd] = None
                    outstanding -= 1
                    continue
                request, expected[fd] = next_exchange[fd]()
                sent_ns[fd] = now
                if (sent := send[fd](request)) != asked:
                    self._keep_rest(fd, request, sent)
        for fd, part in self._partial.items():  # came alone, before a reply that came in one piece
            raise self._unasked(fd, len(part))
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        """Raise `ReplyError` if the server sent more than it was asked for, or closed a connection."""
        for fd, receive in self._receive.items():
            try:
                received = receive(self._buffer)
            except BlockingIOError:
                continue
            if received is not None:
                raise self._unasked(fd, received)

    def close(self) -> None:
        """Reset all connections."""
        self._readiness.close()
        for each in self._sockets.values():
            each.close()

    def _open(self, index: int) -> int:
        room = self._described.receive_buffer_bytes
        connection = open_connection(self._wire, self._address, index, receive_buffer_bytes=room)
        fd = connection.fileno()
        self._sockets[fd] = connection
        self._receive[fd], self._send[fd] = connection.recv_into, connection.send
        distinct = len(self.exchanges) // ROTATION
        own = self.exchanges[index % distinct :: distinct]
        self._next_exchange[fd] = itertools.cycle(own).__next__
        self._readiness.register(fd, READ)
        return fd

    def _keep_rest(self, fd: int, request: bytes, sent: int) -> None:
        """The socket took a part of the request: wait for room."""
        self._unsent[fd] = memoryview(request)[sent:]
        self._readiness.modify(fd, READ | WRITE)

    def _send_rest(self, fd: int, mask: int) -> None:
        """Readiness other than plain reading. What can be read beside it is reported again."""
        if not mask & WRITE or fd not in self._unsent:
            raise self._unasked(fd, 0)
        rest = self._unsent[fd]
        rest = rest[self._send[fd](rest) :]
        if rest:
            self._unsent[fd] = rest
            self._receive_beside(fd)
        else:
            del self._unsent[fd]
            self._readiness.modify(fd, READ)

    def _receive_beside(self, fd: int) -> None:
        """Take what has come back while the request is still going out: the server may wait for that."""
        try:
            received = self._receive[fd](self._buffer)
        except BlockingIOError:
            return
        if self._complete(fd, received):
            raise ReplyError(f"{self._named(fd)}: the reply was complete before its request was sent")

    def _complete(self, fd: int, received: int | None) -> bool:
        """Add a part of a reply; when that is all of it, put the whole into the buffer and say so.

        None: what has come held no data, as a TLS session ticket.
        """
        if received is None:
            return False
        if not received:
            raise self._unasked(fd, 0)
        whole = self._partial.setdefault(fd, bytearray())
        whole += memoryview(self._buffer)[:received]
        if len(whole) < self._size:
            return False
        if len(whole) > self._size:
            raise self._unasked(fd, len(whole) - self._size)
        self._buffer[:] = whole
        del self._partial[fd]
        return True

    def _wrong_reply(self, fd: int) -> ReplyError:
        expected = self._expected[fd]
        if expected is None:
            return self._unasked(fd, self._size)
        pairs = enumerate(zip(self._buffer, expected, strict=True))
        at, (came, meant) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
        promised = f"its {self._size:,} bytes back unchanged"
        if self._described.exchange != "echo":
            promised = f"the reply of {self._size:,} bytes that its request asks for"
        return ReplyError(
            f"{self._named(fd)}: expected {promised}; byte {at:,} came as 0x{came:02x}, not 0x{meant:02x}"
        )

    def _unasked(self, fd: int, received: int) -> ReplyError:
        if received:
            return ReplyError(
                f"{self._named(fd)}: expected silence, got {received:,} bytes that nobody asked for"
            )
        return ReplyError(f"{self._named(fd)}: expected it to stay open, the server closed it")

    def _named(self, fd: int) -> str:
        return f"connection {list(self._sockets).index(fd):,} of {len(self._sockets):,}"
