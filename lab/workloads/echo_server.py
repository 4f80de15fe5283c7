"""The echo server over ``loop.sock_*``, and the one by hand: the floor of all that echo.

The server on a loop reads at most `RECV_BYTES` at a time. A ``recv`` allocates what is asked for before the
kernel says how much there is, so the choice matters: 64 KiB is what a sensible programmer asks for, and it
stays below the 128 KiB above which glibc maps and unmaps pages for every buffer (CPython issue 85451).

The floor asks for as much as the servers that it stands beside: `RECV_BYTES` where these say themselves how
much they read, `LARGEST_READ_BYTES` where the loop's transports choose. It reads into one buffer, which all
its connections share, so that asking for more costs a small message nothing.

Nagle's algorithm is off on every connection, as in asyncio's and uvloop's transports: messages above one
segment would otherwise wait for the peer's acknowledgement. (A Unix socket has no such thing.)
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import NoReturn

from lab.workloads.readiness import READ, WRITE, Readiness, open_readiness
from lab.workloads.tls import TlsSocket

RECV_BYTES = 64 * 1024
LARGEST_READ_BYTES = 1024 * 1024
"""As much as any loop's transports here ask for at once: the mini-loop's, after full reads. asyncio's ask for
256 KiB."""


async def serve_echo(listener: socket.socket) -> NoReturn:
    """Accept on ``listener`` and echo, one task a connection, until cancelled or until one task fails."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as connections:
        while True:
            connection, _address = await loop.sock_accept(listener)
            connections.create_task(_echo(loop, connection))


async def _echo(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    with connection:
        send_at_once(connection)
        while data := await loop.sock_recv(connection, RECV_BYTES):
            await loop.sock_sendall(connection, data)


def send_at_once(connection: socket.socket) -> None:
    """No Nagle on ``connection``."""
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def serve_echo_by_hand(
    listener: socket.socket, context: ssl.SSLContext | None = None, *, read_bytes: int = RECV_BYTES
) -> NoReturn:
    """The same server on bare system calls, with ``context`` over TLS: what any loop could do at best.

    It reads at most ``read_bytes`` at a time. Over TLS a `TlsSocket` says how much it reads, and the buffer
    has to hold all that it makes of that: what stayed behind, the kernel would not report again.
    """
    buffer = bytearray(LARGEST_READ_BYTES if context else read_bytes)
    with _EchoByHand(listener, open_readiness(), context, buffer) as server:
        server.serve()


class _EchoByHand:
    """The floor. A connection is in ``receive``, and in ``unsent`` while the peer does not take its echo."""

    def __init__(
        self,
        listener: socket.socket,
        readiness: Readiness,
        context: ssl.SSLContext | None,
        buffer: bytearray,
    ) -> None:
        self.listener, self.readiness, self.context = listener, readiness, context
        self.buffer = buffer
        self.connections: dict[int, socket.socket | TlsSocket] = {}
        self.receive: dict[int, Callable[[bytearray], int | None]] = {}
        self.send: dict[int, Callable[[bytes | memoryview], int]] = {}
        self.unsent: dict[int, memoryview] = {}
        readiness.register(listener.fileno(), READ)

    def __enter__(self) -> _EchoByHand:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.readiness.close()
        for connection in self.connections.values():
            connection.close()

    # HOT: this is the floor that every subject is compared with. It stands for
    #   for fd, _ in self.readiness.poll(): self.echo(self.connections[fd])
    # with the bound methods of each socket kept, since looking them up costs a tenth of the request.
    def serve(self) -> NoReturn:
        poll, unsent, listening = self.readiness.poll, self.unsent, self.listener.fileno()
        receive, send, buffer = self.receive, self.send, self.buffer
        view = memoryview(buffer)
        while True:
            for fd, _mask in poll():
                try:
                    if fd == listening:
                        self.accept()
                    elif fd in unsent:
                        self.send_rest(fd)
                    elif count := receive[fd](buffer):
                        try:
                            sent = send[fd](view[:count])
                        except BlockingIOError:  # filled by the echo before, to the last byte
                            sent = 0
                        if sent != count:
                            self.keep_rest(fd, bytes(view[sent:count]))
                    elif count is not None:
                        self.drop(fd)
                except ConnectionResetError:  # how the load closes
                    self.drop(fd)

    def accept(self) -> None:
        """Take one connection; the listener stays ready while there are more."""
        connection, _address = self.listener.accept()
        connection.setblocking(False)
        send_at_once(connection)
        if self.context:
            connection = TlsSocket(connection, self.context)
        fd = connection.fileno()
        self.connections[fd] = connection
        self.receive[fd], self.send[fd] = connection.recv_into, connection.send
        self.readiness.register(fd, READ)

    def keep_rest(self, fd: int, rest: bytes) -> None:
        """The peer's window is full: wait for room, and read no more before the rest is out."""
        self.unsent[fd] = memoryview(rest)
        self.readiness.modify(fd, WRITE)

    def send_rest(self, fd: int) -> None:
        """Send on what `keep_rest` kept."""
        rest = self.unsent[fd]
        rest = rest[self.send[fd](rest) :]
        if rest:
            self.unsent[fd] = rest
        else:
            del self.unsent[fd]
            self.readiness.modify(fd, READ)

    def drop(self, fd: int) -> None:
        """The peer has closed."""
        self.readiness.unregister(fd)
        del self.receive[fd], self.send[fd]
        self.connections.pop(fd).close()
