"""One publisher and its subscribers: the engine of fan-out.

Rules, beside those of the contract
- The next message is published when every subscriber has the last: one message is on the way, to all.
- An operation is one delivery. Its time runs from just before the publisher's ``send`` to just after the
  subscriber's ``recv`` that completes it, so the last subscriber's is the longest.
"""

from __future__ import annotations

import itertools
import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import (
    CONNECT_BATCH,
    Exchanged,
    LoadClients,
    ReplyError,
    distinct_payloads,
    unasked,
)
from lab.harness.load.connecting import Address, open_tcp
from lab.workloads.clients import Publishing
from lab.workloads.exchanges import LENGTH, PUBLISH, SUBSCRIBE
from lab.workloads.readiness import READ, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire


class PublishingClients(LoadClients):
    """One connection that publishes, and all others of the same server, which subscribe."""

    def __init__(self, address: Address, wire: Wire, described: Publishing, seed: int) -> None:
        super().__init__()
        self._address, self._subscribers = address, described.connections - 1
        payloads = distinct_payloads(1, described.message_bytes, seed)
        messages = [LENGTH.pack(len(payload)) + payload for payload in payloads]
        self._next_message = itertools.cycle(messages).__next__
        self._size = len(messages[0])
        self._buffer = bytearray(self._size + 1)
        self._readiness = open_readiness()
        self._publisher: socket.socket | None = None
        self._sockets: dict[int, socket.socket] = {}
        self._came: dict[int, bytes] = {}
        """Subscribers that have a part of the message."""

    def connect_some(self) -> int:
        """The publisher comes first. Who subscribes is told so by an echo of the role."""
        if self._publisher is None:
            self._publisher = self._open(PUBLISH)
        missing = min(CONNECT_BATCH, self._subscribers - len(self._sockets))
        for _ in range(missing):
            subscriber = self._open(SUBSCRIBE)
            self._sockets[subscriber.fileno()] = subscriber
            self._readiness.register(subscriber.fileno(), READ)
        return missing

    def run(self, seconds: float) -> Exchanged:
        clock, count = perf_counter_ns, 0
        now = start = clock()
        end = start + round(seconds * 1e9)
        while not count or now < end:
            if count + len(self._sockets) > len(self.latencies_ns):
                self._grow(len(self._sockets))
            message = self._next_message()
            now = self._deliver(message, count)
            count += len(self._sockets)
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        for each in (self._publisher, *self._sockets.values()):
            try:
                received = each.recv_into(self._buffer)
            except BlockingIOError:
                continue
            raise unasked("a connection", received)

    def close(self) -> None:
        self._readiness.close()
        for each in self._sockets.values():
            each.close()
        if self._publisher is not None:
            self._publisher.close()

    def _open(self, role: bytes) -> socket.socket:
        """Connect and take a role; wait until the server has understood it."""
        opened = open_tcp(self._address, 1)
        try:
            opened.setblocking(True)
            opened.send(role)
            if (answer := opened.recv(len(role))) != role:
                raise ReplyError(f"expected the server to echo the role {role!r}, got {answer!r}")
            opened.setblocking(False)
        except BaseException:
            opened.close()
            raise
        return opened

    # HOT: the load's own cost per delivery bounds what it can ask of a server. It stands for
    #   for fd, _ in poll(): self.take(fd)
    def _deliver(self, message: bytes, at: int) -> int:
        """Publish ``message``, wait until all have it, keep latencies from ``at``; return when it ended."""
        poll, sockets, clock = self.awake(self._readiness.poll), self._sockets, perf_counter_ns
        latencies_ns, buffer, size, missing = self.latencies_ns, self._buffer, self._size, set(sockets)
        now = sent_ns = clock()
        if (sent := self._publisher.send(message)) != size:
            raise ReplyError(f"the publisher's socket took {sent:,} of {size:,} bytes: send smaller messages")
        while missing:
            for fd, _mask in poll():
                received = sockets[fd].recv_into(buffer)
                if not received or fd not in missing:
                    raise unasked("a connection", received)
                came = self._came.pop(fd, b"") + buffer[:received]
                if len(came) < size:
                    self._came[fd] = came
                    continue
                now = clock()
                if came != message:
                    raise self._wrong(len(came))
                latencies_ns[at] = now - sent_ns
                at += 1
                missing.discard(fd)
        return now

    def _wrong(self, came: int) -> ReplyError:
        return ReplyError(
            f"a subscriber: expected the {self._size:,} bytes that were published, got {came:,} bytes"
            + (", not the same" if came == self._size else "")
        )
