"""The load's engine: many closed-loop echoing clients on bare system calls, no event loop.

Rules
- Closed-loop: a connection sends its next message only when the echo of the last has come back whole.
- Every echo is compared with what was sent, byte for byte. Each connection has payloads of its own, and
  rotates over several, so that an echo to the wrong connection or of the wrong message is noticed.
- An exchange ends drained: nothing is under way between two of them, so what the server used between two
  snapshots belongs to exactly the requests counted.
- A request's time runs from just before its ``send`` to just after the ``recv`` that completes its echo. The
  clock is read once a request: the end of one is the beginning of the next on that connection.
"""

from __future__ import annotations

import itertools
import random
import socket
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.harness.connecting import Address, open_connection
from lab.workloads.readiness import READ, WRITE, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire
    from lab.workloads.tls import TlsSocket

CONNECT_BATCH = 100
"""Connects under way at once: below the smallest usual limit on a listener's backlog (128 on macOS), above
which a connect is dropped and tried again a second later."""
ROTATION = 4
"""Different payloads of one connection, used in turn."""
PAYLOAD_BUDGET_BYTES = 64 << 20
"""Memory for payloads. Above it connections far apart share theirs."""
CHUNK = 1 << 18
"""Latencies are kept in an array that has this much room, and grows by as much."""


class EchoError(LabError):
    """An echo that is wrong, incomplete or unasked for, or a connection that the server closed."""


@dataclass(frozen=True)
class Exchanged:
    """What one exchange did: requests, and the time from the first send to the last echo."""

    operations: int
    elapsed_ns: int


def make_payloads(connections: int, size: int, seed: int) -> list[list[bytes]]:
    """For each connection its payloads, ``size`` bytes each, from the seeded generator.

    They are windows on one random text, each a byte further on: as good as independent for telling them
    apart, and thousands of connections cost no time to make.
    """
    distinct = max(1, min(connections, PAYLOAD_BUDGET_BYTES // (size * ROTATION)))
    text = random.Random(seed).randbytes(size + distinct * ROTATION)
    windows = [text[offset : offset + size] for offset in range(distinct * ROTATION)]
    return [windows[index % distinct :: distinct] for index in range(connections)]


class EchoClients:
    """Connections to one server, and the exchange of messages over some of them."""

    def __init__(self, address: Address, connections: int, size: int, seed: int, wire: Wire = "tcp") -> None:
        self._address, self._size, self._wire = address, size, wire
        self._payloads = make_payloads(connections, size, seed)
        self._readiness = open_readiness()
        self._to_connect = enumerate(self._payloads)
        self._sockets: dict[int, socket.socket | TlsSocket] = {}
        self._receive: dict[int, Callable[[bytearray], int | None]] = {}
        self._send: dict[int, Callable[[bytes | memoryview], int]] = {}
        self._next_payload: dict[int, Callable[[], bytes]] = {}
        self._expected: dict[int, bytes | None] = {}
        self._sent_ns: dict[int, int] = {}
        self._unsent: dict[int, memoryview] = {}
        self._partial: dict[int, bytearray] = {}
        self._buffer = bytearray(size)
        self.latencies_ns = array("q", bytes(8 * CHUNK))
        """Of the last exchange; only the first ``operations`` entries count."""

    def connect(self) -> list[int]:
        """Connect all, and exchange one message over each: then the server has accepted and waits on it.

        Returns the descriptors in order of connecting.
        """
        while self.connect_some():
            pass
        return list(self._sockets)

    def connect_some(self) -> int:
        """As `connect`, for the next batch only; return how many it was, 0 when all are connected."""
        batch = [self._open(*each) for each in itertools.islice(self._to_connect, CONNECT_BATCH)]
        if batch:
            self.exchange(batch, 0.0)
        return len(batch)

    # HOT: the load's own cost per request bounds what it can ask of a server. It stands for
    #   for fd, mask in poll(): self.finish(fd); self.start(fd)
    # with bound methods kept by descriptor, and one clock reading a request.
    def exchange(self, fds: Sequence[int], seconds: float) -> Exchanged:
        """Echo over ``fds`` for ``seconds``, at least one message each, and drain; raises `EchoError`."""
        poll, receive, send, clock = self._readiness.poll, self._receive, self._send, perf_counter_ns
        expected, next_payload, sent_ns = self._expected, self._next_payload, self._sent_ns
        latencies_ns, buffer, size = self.latencies_ns, self._buffer, self._size
        count, room, outstanding = 0, len(latencies_ns), len(fds)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for fd in fds:
            expected[fd] = payload = next_payload[fd]()
            sent_ns[fd] = clock()
            if (sent := send[fd](payload)) != size:
                self._keep_rest(fd, payload, sent)
        while outstanding:
            events = poll()
            if count + len(events) > room:
                latencies_ns.frombytes(bytes(8 * max(CHUNK, len(events))))
                room = len(latencies_ns)
            for fd, mask in events:
                if mask != READ:
                    self._send_rest(fd, mask)
                    continue
                if (received := receive[fd](buffer)) != size and not self._complete(fd, received):
                    continue
                now = clock()
                if buffer != expected[fd]:
                    raise self._wrong_echo(fd)
                latencies_ns[count] = now - sent_ns[fd]
                count += 1
                if now >= end:
                    expected[fd] = None
                    outstanding -= 1
                    continue
                expected[fd] = payload = next_payload[fd]()
                sent_ns[fd] = now
                if (sent := send[fd](payload)) != size:
                    self._keep_rest(fd, payload, sent)
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        """Raise `EchoError` if the server sent more than it was asked for, or closed a connection."""
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

    def _open(self, index: int, payloads: list[bytes]) -> int:
        connection = open_connection(self._wire, self._address, index)
        fd = connection.fileno()
        self._sockets[fd] = connection
        self._receive[fd], self._send[fd] = connection.recv_into, connection.send
        self._next_payload[fd] = itertools.cycle(payloads).__next__
        self._readiness.register(fd, READ)
        return fd

    def _keep_rest(self, fd: int, payload: bytes, sent: int) -> None:
        """The socket took a part of the message: wait for room."""
        self._unsent[fd] = memoryview(payload)[sent:]
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
        """Take what has come back while the message is still going out: the server may wait for that."""
        try:
            received = self._receive[fd](self._buffer)
        except BlockingIOError:
            return
        if self._complete(fd, received):
            raise EchoError(f"{self._named(fd)}: the echo was complete before its message was sent")

    def _complete(self, fd: int, received: int | None) -> bool:
        """Add a part of an echo; when that is all of it, put the whole into the buffer and say so.

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

    def _wrong_echo(self, fd: int) -> EchoError:
        expected = self._expected[fd]
        if expected is None:
            return self._unasked(fd, self._size)
        pairs = enumerate(zip(self._buffer, expected, strict=True))
        at, (came, meant) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
        return EchoError(
            f"{self._named(fd)}: expected its {self._size:,} bytes back unchanged; "
            f"byte {at:,} came as 0x{came:02x}, not 0x{meant:02x}"
        )

    def _unasked(self, fd: int, received: int) -> EchoError:
        if received:
            return EchoError(
                f"{self._named(fd)}: expected silence, got {received:,} bytes that nobody asked for"
            )
        return EchoError(f"{self._named(fd)}: expected it to stay open, the server closed it")

    def _named(self, fd: int) -> str:
        return f"connection {list(self._sockets).index(fd):,} of {len(self._sockets):,}"
