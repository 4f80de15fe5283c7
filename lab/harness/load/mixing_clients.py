"""Small requests beside bulk: the engine that shows how fairly a server shares itself out.

Rules, beside those of the contract
- An operation is a small request; only these are timed, from just before the ``send`` to just after the
  ``recv`` that completes the reply.
- For ``every`` small requests there is one bulk request (and at least one on each bulk connection). Those
  that the server has not got to by the end are asked for then, before the run ends. So each operation stands
  for the same work on every server: one that lets the bulk starve gains nothing by it.
"""

from __future__ import annotations

import itertools
import socket
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import CONNECT_BATCH, Exchanged, LoadClients, ReplyError, distinct_payloads
from lab.harness.load.connecting import Address, open_tcp
from lab.workloads.clients import Mixing
from lab.workloads.exchanges import Exchange, ordered
from lab.workloads.readiness import READ, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

RECEIVE_BYTES = 64 * 1024


class MixingClients(LoadClients):
    """Connections of two kinds to one server."""

    def __init__(self, address: Address, wire: Wire, described: Mixing, seed: int) -> None:
        super().__init__()
        self._address, self._described = address, described
        self._small = list(map(ordered, distinct_payloads(described.small, described.message_bytes, seed)))
        self._bulky = list(map(ordered, distinct_payloads(described.bulk, described.bulk_bytes, seed)))
        self._to_connect = iter(range(described.connections))
        self._readiness = open_readiness()
        self._askers: dict[int, _Asker] = {}

    def connect_some(self) -> int:
        batch = [self._open(index) for index in itertools.islice(self._to_connect, CONNECT_BATCH)]
        if batch:
            self._run(batch, 0.0)
        return len(batch)

    def run(self, seconds: float) -> Exchanged:
        return self._run(list(self._askers.values()), seconds)

    # HOT: the load's own cost per request bounds what it can ask of a server. It stands for
    #   for fd, _ in poll(): askers[fd].take(); askers[fd].ask()
    # with one clock reading a request.
    def _run(self, askers: Sequence[_Asker], seconds: float) -> Exchanged:
        poll, by_fd, clock = self.awake(self._readiness.poll), self._askers, perf_counter_ns
        latencies_ns, resting, every = self.latencies_ns, deque[_Asker](), self._described.every
        count, room, outstanding = 0, len(self.latencies_ns), len(askers)
        bulk_asked = sum(asker.bulk for asker in askers)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for asker in askers:
            asker.ask(clock())
        while outstanding:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, _mask in events:
                asker = by_fd[fd]
                if not asker.completed_by(asker.receive(RECEIVE_BYTES)):
                    continue
                now = clock()
                if asker.bulk:
                    resting.append(asker)
                    outstanding -= 1
                else:
                    latencies_ns[count] = now - asker.sent_ns
                    count += 1
                    if now < end:
                        asker.ask(now)
                    else:
                        outstanding -= 1
                while resting and bulk_asked * every < count:
                    resting.popleft().ask(now)
                    bulk_asked += 1
                    outstanding += 1
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        for asker in self._askers.values():
            try:
                data = asker.receive(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            raise asker.wrong(data)

    def close(self) -> None:
        self._readiness.close()
        for asker in self._askers.values():
            asker.connection.close()

    def _open(self, index: int) -> _Asker:
        bulk = index < self._described.bulk
        room = self._described.receive_buffer_bytes if bulk else None
        exchanges = self._bulky if bulk else self._small
        first = index % len(exchanges)
        own = itertools.cycle(exchanges[first:] + exchanges[:first])
        asker = _Asker(open_tcp(self._address, 1, room), index, bulk, own.__next__)
        self._askers[asker.connection.fileno()] = asker
        self._readiness.register(asker.connection.fileno(), READ)
        return asker


class _Asker:
    """One connection, and how much of the reply has come."""

    __slots__ = ("bulk", "came", "connection", "expected", "index", "next_exchange", "receive", "sent_ns")

    def __init__(
        self, connection: socket.socket, index: int, bulk: bool, next_exchange: Callable[[], Exchange]
    ) -> None:
        self.connection, self.index, self.bulk = connection, index, bulk
        self.next_exchange, self.receive = next_exchange, connection.recv
        self.expected, self.came, self.sent_ns = b"", 0, 0

    def ask(self, now_ns: int) -> None:
        """Send the next request, which is so short that the socket takes it whole."""
        request, self.expected = self.next_exchange()
        self.came, self.sent_ns = 0, now_ns
        self.connection.sendall(request)

    def completed_by(self, data: bytes) -> bool:
        """Take what has come; whether the reply is whole. Raises `ReplyError` if it is another."""
        if not data or not self.expected.startswith(data, self.came):
            raise self.wrong(data)
        self.came += len(data)
        return self.came == len(self.expected)

    def wrong(self, data: bytes) -> ReplyError:
        """What to say of ``data``, which should not have come next."""
        named = f"{'bulk ' if self.bulk else ''}connection {self.index:,}"
        if not data:
            return ReplyError(f"{named}: expected it to stay open, the server closed it")
        if self.came == len(self.expected):
            return ReplyError(f"{named}: expected silence, got {len(data):,} bytes that nobody asked for")
        return ReplyError(
            f"{named}: expected the reply of {len(self.expected):,} bytes that its request asks for; "
            f"what came from byte {self.came:,} on is not it"
        )
