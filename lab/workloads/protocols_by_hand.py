"""The floor of workloads that answer by more than an echo: the very same protocol, without an event loop.

A `BareTransport` has what the workloads' protocols call of asyncio's transports, and nothing else: no tasks,
no futures, no handles, no timers. So the protocol's own work is in the floor as it is in every subject, and
what a subject takes above the floor is its event loop.

All that a protocol writes in answer to one read goes out in one system call (`sendmsg`), the cheapest way
there is. Asks for `RECV_BYTES` at a time, as all floors do.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NoReturn

from lab.workloads.echo_server import RECV_BYTES, send_at_once
from lab.workloads.readiness import READ, WRITE, Readiness, open_readiness

HIGH_WATER_BYTES, LOW_WATER_BYTES = 64 * 1024, 16 * 1024
"""When a protocol is told to pause and to resume writing: asyncio's own marks."""
PARTS_AT_ONCE = 512
"""Buffers handed to one ``sendmsg``: below IOV_MAX, which is 1,024 on Linux and macOS."""


def serve_protocol_by_hand(listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> NoReturn:
    """Serve one ``protocol`` a connection on bare system calls. Returns only by an error."""
    readiness = open_readiness()
    transports: dict[int, BareTransport] = {}
    try:
        readiness.register(listener.fileno(), READ)
        send_at_once(listener)  # what it accepts inherits that
        _serve(listener, readiness, transports, protocol)
    finally:
        for transport in list(transports.values()):
            transport.drop()
        readiness.close()


# HOT: the floor that the served subjects are compared with. It stands for
#   for fd, mask in poll(): transports[fd].serve(mask)
# which would be one more call for each event.
def _serve(
    listener: socket.socket,
    readiness: Readiness,
    transports: dict[int, BareTransport],
    protocol: Callable[[], asyncio.Protocol],
) -> NoReturn:
    poll, listening = readiness.poll, listener.fileno()
    while True:
        for fd, mask in poll():
            if fd == listening:
                connection, _address = listener.accept()
                BareTransport(connection, readiness, transports, protocol())
                continue
            transport = transports.get(fd)
            if transport is None:  # closed by an event before it in the same batch
                continue
            if mask & WRITE:
                transport.flush()
            if mask & ~WRITE and transport.reading:
                try:
                    data = transport.receive(RECV_BYTES)
                except ConnectionError:  # the load closes with a reset
                    data = b""
                except BlockingIOError:
                    continue
                if data:
                    transport.corked = True
                    transport.protocol.data_received(data)
                    transport.corked = False
                    if transport.parts or transport.closing:
                        transport.flush()
                else:
                    transport.drop()


class BareTransport:
    """One accepted connection, which it owns. It keeps itself in ``transports`` under its descriptor."""

    def __init__(
        self,
        connection: socket.socket,
        readiness: Readiness,
        transports: dict[int, BareTransport],
        protocol: asyncio.Protocol,
    ) -> None:
        connection.setblocking(False)
        self._connection, self._readiness, self._transports = connection, readiness, transports
        self.fd = connection.fileno()
        self.receive, self._send, self._sendmsg = connection.recv, connection.send, connection.sendmsg
        self.protocol = protocol
        self.parts: list[bytes | memoryview] = []
        """Written and not sent yet."""
        self.corked = False
        """Within `data_received`: what is written waits for its end."""
        self.reading = True
        self._queued_bytes = 0
        self.closing = False
        self._open, self._paused, self._mask = True, False, READ
        transports[self.fd] = self
        readiness.register(self.fd, READ)
        protocol.connection_made(self)

    def write(self, data: bytes) -> None:
        """As of asyncio's transports; ignored once the transport closes."""
        if self.closing:
            return
        self.parts.append(data)
        self._queued_bytes += len(data)
        if not self.corked and len(self.parts) == 1:
            self.flush()
        if self._queued_bytes > HIGH_WATER_BYTES and not self._paused:
            self._send_parts()
            if self._queued_bytes > HIGH_WATER_BYTES:
                self._paused = True
                self.protocol.pause_writing()

    def close(self) -> None:
        """Close once everything is sent."""
        self.closing, self.reading = True, False
        if not self.corked:
            self.flush()

    def pause_reading(self) -> None:
        """Read no more until `resume_reading`."""
        self.reading = False
        self._watch()

    def resume_reading(self) -> None:
        """Read again."""
        self.reading = not self.closing
        self._watch()

    def flush(self) -> None:
        """Send what the socket takes; watch for room while there is a rest."""
        self._send_parts()
        while self._paused and self._queued_bytes <= LOW_WATER_BYTES:
            self._paused = False
            self.corked = True
            self.protocol.resume_writing()
            self.corked = False
            self._send_parts()
        if self.closing and not self.parts:
            self.drop()
        elif self.parts or self._mask != READ:
            self._watch()

    def drop(self) -> None:
        """Close now, whatever is unsent."""
        if self._open:
            self._open = self.reading = self._paused = False
            self.closing = True
            self.parts.clear()
            del self._transports[self.fd]
            self._readiness.unregister(self.fd)
            self._connection.close()
            self.protocol.connection_lost(None)

    def _send_parts(self) -> None:
        """Hand all that is written to the socket, as far as it takes it."""
        parts = self.parts
        while parts:
            attempted = min(len(parts), PARTS_AT_ONCE)
            try:
                sent = self._send(parts[0]) if attempted == 1 else self._sendmsg(parts[:attempted])
            except BlockingIOError:
                return
            except ConnectionError:  # the load closes with a reset
                self.drop()
                return
            if sent == self._queued_bytes:
                parts.clear()
                self._queued_bytes = 0
            elif self._take_off(sent) < attempted:
                return

    def _take_off(self, sent: int) -> int:
        """``sent`` bytes are gone; return how many parts went whole."""
        self._queued_bytes -= sent
        whole = 0
        for part in self.parts:
            if sent < len(part):
                break
            sent -= len(part)
            whole += 1
        del self.parts[:whole]
        if sent:
            self.parts[0] = memoryview(self.parts[0])[sent:]
        return whole

    def _watch(self) -> None:
        mask = (READ if self.reading else 0) | (WRITE if self.parts and not self.corked else 0)
        if mask != self._mask and self._open:
            self._mask = mask
            self._readiness.modify(self.fd, mask)
