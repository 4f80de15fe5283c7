"""Clients that connect anew for each exchange: the engine of churn.

Rules, beside those of the contract
- An operation is one connection's whole life: connect, one line, its echo, and the end of the stream, which
  the server makes. Its time runs from just before the connect to just after the end was read.
- The server closes first and the load answers with a reset, so no port stays in TIME_WAIT on either side.
  On Linux connections also come from `SOURCES` addresses of 127/8 in turn: should a connection end in another
  way, a port that waits is not in the way of the next. Elsewhere all come from 127.0.0.1.
- The connect blocks. On loopback the kernel completes it without the server, as long as the listener's
  backlog has room, and `CONNECT_BATCH` connections always find it.
"""

from __future__ import annotations

import itertools
import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import Exchanged, LoadClients, ReplyError, distinct_payloads
from lab.harness.load.connecting import Address, open_tcp
from lab.workloads.clients import Churning
from lab.workloads.readiness import READ, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

SOURCES = 50
"""Connections come from 127.0.0.1 to 127.0.0.50 in turn, where the system has all of 127/8."""


class ChurningClients(LoadClients):
    """Some connections to one server at any time, none for longer than one exchange."""

    def __init__(self, address: Address, wire: Wire, described: Churning, seed: int) -> None:
        super().__init__()
        self._address, self._at_once = address, described.connections
        size = described.message_bytes
        payloads = distinct_payloads(described.connections, size, seed)
        lines = [payload[:-1].replace(b"\n", b" ") + b"\n" for payload in payloads]
        self._next_line = itertools.cycle(lines).__next__
        self._next_source = itertools.cycle(range(1, 1 + SOURCES)).__next__
        self._buffer, self._size = bytearray(size + 1), size
        self._readiness = open_readiness()
        self._open: dict[int, tuple[socket.socket, bytes, int]] = {}
        """Descriptor -> connection, line sent, when the connect began."""
        self._came: dict[int, bytes] = {}
        self._tried = False

    def connect_some(self) -> int:
        """Nothing stays open; one pass over all shows that the server serves."""
        if self._tried:
            return 0
        self.run(0.0)
        self._tried = True
        return self._at_once

    def run(self, seconds: float) -> Exchanged:
        poll, clock, latencies_ns = self.awake(self._readiness.poll), perf_counter_ns, self.latencies_ns
        count, room = 0, len(latencies_ns)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for _ in range(self._at_once):
            self._begin(clock())
        while self._open:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, _mask in events:
                if not self._ended(fd):
                    continue
                now = clock()
                latencies_ns[count] = now - self._finish(fd)
                count += 1
                if now < end:
                    self._begin(clock())
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        """Nothing to ask: a run ends with every connection closed by the server."""

    def close(self) -> None:
        self._readiness.close()
        for connection, _line, _began_ns in self._open.values():
            connection.close()

    def _begin(self, began_ns: int) -> None:
        """Connect and send the next line."""
        connection = open_tcp(self._address, self._next_source())
        line = self._next_line()
        fd = connection.fileno()
        self._open[fd] = connection, line, began_ns
        if (sent := connection.send(line)) != self._size:
            raise ReplyError(
                f"a new connection took {sent:,} of {self._size:,} bytes: ask for smaller messages"
            )
        self._readiness.register(fd, READ)

    def _ended(self, fd: int) -> bool:
        """Take what has come; whether that was the end of the stream."""
        received = self._open[fd][0].recv_into(self._buffer)
        if received:
            self._came[fd] = self._came.get(fd, b"") + self._buffer[:received]
        return not received

    def _finish(self, fd: int) -> int:
        """Compare what has come, and reset the connection; return when it began."""
        connection, line, began_ns = self._open.pop(fd)
        came = self._came.pop(fd, b"")
        if came != line:
            connection.close()
            raise ReplyError(
                f"a connection: expected its line of {self._size:,} bytes back and then the end, got "
                f"{len(came):,} bytes" + (", not the same" if len(came) == self._size else "")
            )
        self._readiness.unregister(fd)
        connection.close()
        return began_ns
