"""The floor of workloads that answer by more than an echo: the very same protocol, without an event loop.

A `BareTransport` has what the workloads' protocols call of asyncio's transports, and nothing else: no tasks,
no futures, no handles, no timers. So the protocol's own work is in the floor as it is in every subject, and
what a subject takes above the floor is its event loop.

How it sends, and asks for data, is the cheapest way there is:
- What is written to a connection that waits for nothing goes out at once.
- All that a protocol writes in answer to one read goes out in one system call: joined where it is small, as
  separate parts (`sendmsg`) where a copy would be dearer.
- A socket that has not taken all is left alone until the kernel says that there is room.
- A read asks for `RECV_BYTES`, twice as much after each that came full, up to `MOST_AT_ONCE_BYTES`, and for
  `RECV_BYTES` again after a small one. A protocol is given bytes of its own, so a buffer for all connections,
  as `echo_server` has it, would mean a copy.
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
MOST_AT_ONCE_BYTES = 256 * 1024
"""As asyncio's transports ask for. More has left the core's own caches before the protocol looks at it: with
1 MiB `bulk-upload` took half as much again."""
JOINED_BYTES = 16 * 1024
"""Up to here the parts of an answer are joined: to hand each to the kernel costs more than to copy them."""
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
    poll, listening, read_bytes = readiness.poll, listener.fileno(), RECV_BYTES
    while True:
        for fd, mask in poll():
            transport = transports.get(fd)
            if transport is None:  # or closed by an event before it in the same batch
                if fd == listening:
                    connection, _address = listener.accept()
                    BareTransport(connection, readiness, transports, protocol())
                continue
            if mask & WRITE:
                transport.flush()
            if mask & ~WRITE and transport.reading:
                try:
                    data = transport.receive(read_bytes)
                except ConnectionError:  # the load closes with a reset
                    data = b""
                except BlockingIOError:
                    continue
                if not data:
                    transport.drop()
                    continue
                transport.corked = True
                transport.deliver(data)
                if transport.parts or transport.closing:
                    transport.uncork()
                else:
                    transport.corked = False
                if read_bytes > RECV_BYTES or len(data) == RECV_BYTES:
                    read_bytes = _next_read_bytes(read_bytes, len(data))


def _next_read_bytes(asked: int, came: int) -> int:
    """How much to ask for after a read that asked for ``asked`` bytes."""
    if came == asked:
        return min(2 * asked, MOST_AT_ONCE_BYTES)
    return RECV_BYTES if came < asked // 4 else asked


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
        self.protocol, self.deliver = protocol, protocol.data_received
        self.parts: list[bytes | memoryview] = []
        """Written and not sent yet."""
        self.corked = False
        """Within `data_received`: what is written waits for its end."""
        self.reading = True
        self._queued_bytes = 0
        self._room = True
        """The socket has taken all that it was given. If not, some of it is in `parts`."""
        self.closing = False
        self._open, self._paused, self._mask = True, False, READ
        transports[self.fd] = self
        readiness.register(self.fd, READ)
        protocol.connection_made(self)

    # HOT: what a connection that waits for nothing is given goes out by one call. It stands for
    #   self.parts.append(data); self._queued_bytes += len(data)
    #   if not self.corked: self._go_on()
    def write(self, data: bytes | memoryview) -> None:
        """As of asyncio's transports; ignored once the transport closes."""
        if self.closing:
            return
        if not (self.corked or self.parts):
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except ConnectionError:  # the load closes with a reset
                self.drop()
                return
            if sent == len(data):
                return
            self._room, data = False, memoryview(data)[sent:]
        self.parts.append(data)
        self._queued_bytes += len(data)
        if self._queued_bytes > HIGH_WATER_BYTES and not self._paused:
            self._hold_back()
        if not self.corked:
            self._watch()

    # HOT: most answers are small, and the socket takes them whole. It stands for
    #   self.corked = False; self._go_on()
    def uncork(self) -> None:
        """Send what the protocol has written since the transport was corked."""
        self.corked = False
        if self.closing or self._queued_bytes > JOINED_BYTES or not self._room:
            self._go_on()
            return
        parts = self.parts
        try:
            sent = self._send(parts[0] if len(parts) == 1 else b"".join(parts))
        except BlockingIOError:
            sent = 0
        except ConnectionError:  # the load closes with a reset
            self.drop()
            return
        if sent == self._queued_bytes:
            parts.clear()
            self._queued_bytes = 0
        else:
            self._room = False
            self._take_off(sent)
            self._watch()

    def close(self) -> None:
        """Close once everything is sent."""
        self.closing, self.reading = True, False
        if not self.corked:
            self._go_on()

    def pause_reading(self) -> None:
        """Read no more until `resume_reading`."""
        self.reading = False
        self._watch()

    def resume_reading(self) -> None:
        """Read again."""
        self.reading = not self.closing
        self._watch()

    def flush(self) -> None:
        """There is room: send what the socket takes; watch for more room while there is a rest."""
        self._room = True
        self._go_on()

    def drop(self) -> None:
        """Close now, whatever is unsent."""
        if self._open:
            self._open = self.reading = self._paused = False
            self.closing = True
            self.parts.clear()
            self._queued_bytes = 0
            del self._transports[self.fd]
            self._readiness.unregister(self.fd)
            self._connection.close()
            self.protocol.connection_lost(None)

    def _go_on(self) -> None:
        """Send what the socket takes and have the protocol write on; then close, or watch for room."""
        self._send_parts()
        while self._paused and self._queued_bytes <= LOW_WATER_BYTES:
            self._paused = False
            self.corked = True
            self.protocol.resume_writing()
            self.corked = False
            self._send_parts()
        if self.closing and not self.parts:
            self.drop()
        else:
            self._watch()

    def _hold_back(self) -> None:
        """Much is queued: if the socket does not take it, the protocol is to write no more."""
        self._send_parts()
        if self._queued_bytes > HIGH_WATER_BYTES:
            self._paused = True
            self.protocol.pause_writing()

    def _send_parts(self) -> None:
        """Hand all that is written to the socket, as far as it takes it."""
        while self.parts and self._room:
            batch = self.parts[:PARTS_AT_ONCE]
            try:
                sent = self._send(batch[0]) if len(batch) == 1 else self._sendmsg(batch)
            except BlockingIOError:
                self._room = False
            except ConnectionError:  # the load closes with a reset
                self.drop()
            else:
                self._room = self._take_off(sent) == len(batch)

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
