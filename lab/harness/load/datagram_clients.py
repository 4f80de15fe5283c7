"""Clients over UDP: the engine of datagrams.

Rules, beside those of the contract
- A datagram that no reply came to within `PATIENCE_S` is lost: it is counted, it is no operation, and the
  next one goes out in its place. More than `LOSSES_ALLOWED` of a run, and it fails. On loopback datagrams are
  lost only where a socket's buffer is full, so a sound server loses none.
- Each datagram begins with a number of its own. So the late reply to one that was given up is known as such
  and dropped; any other reply that is not the one awaited is an error.

poll(2), not `open_readiness`: the sockets are few.
"""

from __future__ import annotations

import itertools
import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import Exchanged, LoadClients, ReplyError, distinct_payloads
from lab.harness.load.connecting import Address
from lab.workloads.clients import Datagrams
from lab.workloads.readiness import READ, PollReadiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

PATIENCE_S = 0.25
"""A reply that takes longer on loopback does not come: the server would have to stand still for so long."""
LOSSES_ALLOWED = 0.01
"""Of the datagrams of a run; and one a socket at least, since a short run has few."""
NUMBER_BYTES = 8
NUMBERS_BITS = 48
"""The sockets of each load process draw from numbers of their own, more than any window can use."""


class DatagramClients(LoadClients):
    """Sockets connected to one server, each with one datagram on the way."""

    def __init__(self, address: Address, wire: Wire, described: Datagrams, seed: int) -> None:
        super().__init__()
        self._address, self._size = address, described.message_bytes
        tail_bytes = max(1, self._size - NUMBER_BYTES)
        tails = [each[: self._size - NUMBER_BYTES] for each in distinct_payloads(1, tail_bytes, seed)]
        self._next_tail = itertools.cycle(tails).__next__
        self._next_number = itertools.count(described.first << NUMBERS_BITS).__next__
        self._buffer = bytearray(self._size + 1)
        self._readiness = PollReadiness()
        self._to_open = described.connections
        self._sockets: dict[int, socket.socket] = {}
        self._expected: dict[int, bytes] = {}
        """Descriptor -> the datagram that is on the way."""
        self._sent_ns: dict[int, int] = {}
        self._given_up: set[bytes] = set()
        self.lost = 0
        """In the last run: datagrams that no reply came to in time."""

    def connect_some(self) -> int:
        opened, self._to_open = self._to_open, 0
        for _ in range(opened):
            each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets[each.fileno()] = each
            each.setblocking(False)
            each.connect(self._address)
            self._readiness.register(each.fileno(), READ)
        if opened:
            self.run(0.0)
        return opened

    def run(self, seconds: float) -> Exchanged:
        poll, clock, patience_ns = (
            self.awake(self._readiness.poll, PATIENCE_S),
            perf_counter_ns,
            round(PATIENCE_S * 1e9),
        )
        count, room, self.lost = 0, len(self.latencies_ns), 0
        now = start = clock()
        end, look_again = start + round(seconds * 1e9), start + patience_ns
        for fd in self._sockets:
            self._send(fd)
        while self._expected:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, _mask in events:
                if not self._replied(fd):
                    continue
                now = clock()
                self.latencies_ns[count] = now - self._sent_ns[fd]
                count += 1
                if now < end:
                    self._send(fd)
            if (now := clock()) >= look_again:
                self._give_up_before(now - patience_ns, count, again=now < end)
                look_again = now + patience_ns // 4
        return Exchanged(count, now - start, self.lost)

    def check_silence(self) -> None:
        for fd in self._sockets:
            try:
                self._replied(fd)
            except BlockingIOError:
                continue

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()

    def _send(self, fd: int) -> None:
        """The next datagram, which no other is like."""
        datagram = self._next_number().to_bytes(NUMBER_BYTES, "big") + self._next_tail()
        self._expected[fd], self._sent_ns[fd] = datagram, perf_counter_ns()
        self._sockets[fd].send(datagram)

    def _replied(self, fd: int) -> bool:
        """Take one datagram: whether it is the reply that is awaited; raises `ReplyError` if it is none."""
        received = self._sockets[fd].recv_into(self._buffer)
        came = bytes(memoryview(self._buffer)[:received])
        if came == self._expected.get(fd):
            del self._expected[fd]
            return True
        if came in self._given_up:
            self._given_up.discard(came)
            return False
        if (awaited := self._expected.get(fd)) is None:
            raise ReplyError(f"a socket: expected silence, got {received:,} bytes that nobody asked for")
        raise ReplyError(
            f"a socket: expected its {len(awaited):,} bytes back unchanged, got {received:,} bytes"
            + (" with another content" if received == len(awaited) else "")
        )

    def _give_up_before(self, sent_before_ns: int, done: int, again: bool) -> None:
        """Count what has been on the way for too long as lost, and send anew where ``again``."""
        overdue = [fd for fd in self._expected if self._sent_ns[fd] < sent_before_ns]
        for fd in overdue:
            self.lost += 1
            self._given_up.add(self._expected.pop(fd))
            if again:
                self._send(fd)
        allowed = max(len(self._sockets), round(LOSSES_ALLOWED * done))
        if self.lost > allowed:
            raise ReplyError(
                f"expected at most {allowed:,} datagrams to be lost, got no reply to {self.lost:,} of "
                f"{self.lost + done:,} within {PATIENCE_S:g} s each"
            )
