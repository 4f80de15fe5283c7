"""Data over the network, on bare sockets: ``add_reader`` and the ``sock_*`` coroutines.

The seven steps by which ``sock_recv`` returns to its caller: (1) the backend waits, in ``TurnLoop._turn``;
(2) a ready descriptor comes back, in ``_serve``; (3) the data moves into a buffer, (4) the future gets its
result and (5) its done-callback wakes the task, in ``Readiness.fire``; (6) the task calls ``send()`` into the
innermost coroutine, in ``Task`` (asyncio's C one does the same, unseen); (7) the data is returned, at the end
of ``sock_recv``.

Each ``sock_*`` coroutine tries its system call first where that is likely to succeed, and waits where it is
not. They are coroutines in the full sense: people pass them to ``create_task``.

Pitfalls
- A closed socket's number is reused. A `Readiness` belongs to the socket object; where the number has
  changed hands, everything known of it is forgotten first.
- ``add_reader`` and a ``sock_recv`` that waits replace each other on one descriptor, as in asyncio; one that
  finds data leaves the callback alone. Two tasks that read one socket take turns, first come first served
  (asyncio lets the first hang).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from backends.contract import READ, WRITE
from lab.loop.handle import ReadinessHandle, readiness_handle
from lab.loop.names import NamesLoop, is_numeric
from lab.loop.readiness import SMALLEST_READ, Readiness, reserved

_PlainSocket = socket.socket


class SocketsLoop(NamesLoop):
    """The sixth storey moves data: callbacks for descriptors, and coroutines for sockets."""

    # -- callbacks for descriptors ---------------------------------------------------------------------

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(*args)`` whenever ``fd`` (a number, or what has ``fileno()``) can be read."""
        self._add_callback(self._readers, READ, fd, callback, args)

    def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(*args)`` whenever ``fd`` can be written."""
        self._add_callback(self._writers, WRITE, fd, callback, args)

    def remove_reader(self, fd: Any) -> bool:
        """Stop it; True if there was a callback, or a ``sock_*`` coroutine that waited (for ever, now)."""
        return self._remove_callback(self._readers, READ, fd)

    def remove_writer(self, fd: Any) -> bool:
        """Stop it; True as above."""
        return self._remove_callback(self._writers, WRITE, fd)

    def _add_callback(
        self, table: dict[int, Any], direction: int, fd: Any, callback: Callable[..., object], args: Any
    ) -> None:
        self._check_closed()
        self._refuse_transports(fd)
        fd = descriptor(fd)
        self._forget_if_reused(fd)
        handle = readiness_handle(fd, callback, args, self)
        before = table.get(fd)
        if before is None:
            self._watch(fd, direction)
        else:
            self._confirm(fd, direction)
        table[fd] = handle
        if isinstance(before, ReadinessHandle):
            before.cancel()

    def _remove_callback(self, table: dict[int, Any], direction: int, fd: Any) -> bool:
        if self._closed:
            return False
        self._refuse_transports(fd)
        fd = descriptor(fd)
        before = table.pop(fd, None)
        self._unwatch(fd, direction)
        if isinstance(before, ReadinessHandle):
            before.cancel()
        return before is not None and not (isinstance(before, Readiness) and before.operation is None)

    def _refuse_transports(self, fileobj: Any) -> None:
        """A transport's descriptor is nobody else's, from its beginning to its end.

        Unless somebody closed it behind the transport: then the number is another file's now.
        """
        fd = descriptor(fileobj)
        for party in (self._readers.get(fd), self._writers.get(fd)):
            if isinstance(party, asyncio.BaseTransport):
                if party.is_open():
                    raise RuntimeError(f"File descriptor {fileobj!r} is used by transport {party!r}")
                self._forget(fd)

    def _confirm(self, fd: int, direction: int) -> None:
        """A callback is replaced: if the number was closed meanwhile, the kernel has forgotten it.

        To modify would not do: a selector tells the kernel nothing when the events stay the same.
        """
        self._unwatch(fd, direction)
        self._watch(fd, direction)

    def _forget_if_reused(self, fd: int) -> None:
        """Forget what was known of ``fd`` when the socket that it was known for is closed or gone."""
        for table in (self._readers, self._writers):
            party = table.get(fd)
            if isinstance(party, Readiness):
                sock = party.owner()
                if sock is None or sock.fileno() != fd:
                    self._forget(fd)

    # -- receiving -------------------------------------------------------------------------------------

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:  # HOT
        """Receive up to ``n`` bytes; b"" is the end of the stream.

        The readable form is ``_receive(sock, sock.recv, n)``, as in the three below, and ``release`` at its
        end; written out it saves a coroutine and a call for each message (tests/microbench: sock_recv).
        """
        reading = self._readers.get(sock.fileno())
        owner = no_owner if reading is None else reading.owner
        if owner() is not sock or reading.operation is not None:
            reading = await self._readiness(sock, READ)
        size = reading.read_size
        if n < size:
            size = n
        if reading.ready or n <= 0:
            try:
                data = sock.recv(size)
            except (BlockingIOError, InterruptedError):
                self._would_block += 1
                reading.ready = False
            else:
                reading.took(len(data), size)
                return data
        reading.operation = sock.recv
        reading.argument = size
        try:
            if not reading.watched:
                reading.watch()
            await reading
        except BaseException:
            reading.release()
            raise
        data = reading.value  # Step 7 of 7: the data is returned to the caller.
        reading._context = reading.operation = reading.value = None
        if reading.line:
            reading.release()
        if len(data) == size or size > SMALLEST_READ or reading.sticky:
            reading.took(len(data), size)
        return data

    async def sock_recv_into(self, sock: socket.socket, buf: Any) -> int:
        """Receive into ``buf``; the number of bytes is returned, 0 at the end of the stream."""
        reading = await self._readiness(sock, READ)
        count = await self._receive(reading, sock.recv_into, buf)
        reading.ready = count == memoryview(buf).nbytes or reading.sticky
        return count

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        """Receive one datagram of up to ``bufsize`` bytes; the data and the sender's address."""
        return await self._receive(await self._readiness(sock, READ), sock.recvfrom, bufsize)

    async def sock_recvfrom_into(self, sock: socket.socket, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
        """Receive one datagram into ``buf``; its size and the sender's address."""
        nbytes = nbytes or memoryview(buf).nbytes
        reading = await self._readiness(sock, READ)
        return await self._receive(reading, lambda size: sock.recvfrom_into(buf, size), nbytes)

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept one connection; the new socket, which does not block, and the peer's address."""
        reading = await self._readiness(sock, READ)
        conn, address = await self._receive(reading, lambda _: sock.accept(), None)
        conn.setblocking(False)
        return conn, address

    async def _receive(self, reading: Readiness, operation: Callable[[Any], Any], argument: Any) -> Any:
        """Try ``operation(argument)``, unless nothing can have come; wait if it would block."""
        if reading.ready:
            try:
                return operation(argument)
            except (BlockingIOError, InterruptedError):
                self._would_block += 1
                reading.ready = False
        value = await reading.when_ready(operation, argument)
        reading.ready = True
        return value

    # -- sending ---------------------------------------------------------------------------------------

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:  # HOT
        """Send all of ``data``; on error nobody can tell how much was sent.

        The readable form is ``_send`` alone; the first ``send`` nearly always takes everything, and needs
        neither a memoryview nor a wait (tests/microbench: sock_sendall).
        """
        if self._debug or sock.__class__ is not _PlainSocket:
            self._check_socket(sock)
        try:
            sent = sock.send(data)
        except (BlockingIOError, InterruptedError):
            self._would_block += 1
            sent = 0
        if data.__class__ is bytes and sent == len(data):
            return
        rest = memoryview(data).cast("B")[sent:]
        if rest:
            await self._send(sock, rest)

    async def _send(self, sock: socket.socket, rest: memoryview) -> None:
        """Send ``rest`` as the socket becomes writable."""
        writing = await self._readiness(sock, WRITE)
        try:
            while rest:
                rest = rest[await writing.when_ready(sock.send, rest) :]
        finally:
            writing.unwatch()

    async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
        """Send one datagram to ``address``; the number of bytes sent is returned."""
        self._check_socket(sock)
        try:
            return sock.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            self._would_block += 1
        return await self._when_writable(sock, lambda _: sock.sendto(data, address))

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect to ``address``; a host name is looked up first, off the loop's thread."""
        self._check_socket(sock)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            host, port = address[:2]
            if not is_numeric(sock.family, host, port):
                address = await self._address_of(sock, host, port)
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            await self._when_writable(sock, lambda _: _finish_connect(sock, address))

    async def _address_of(self, sock: socket.socket, host: Any, port: Any) -> Any:
        found = await self.getaddrinfo(host, port, family=sock.family, type=sock.type, proto=sock.proto)
        if not found:
            raise OSError(f"getaddrinfo() found no address of {host!r} for family {sock.family!r}")
        return found[0][4]

    async def _when_writable(
        self, sock: socket.socket, operation: Callable[[Any], Any], argument: Any = None
    ) -> Any:
        """Wait until the socket can be written, then do it; its wish to write is dropped afterwards."""
        writing = await self._readiness(sock, WRITE)
        try:
            return await writing.when_ready(operation, argument)
        finally:
            writing.unwatch()

    # -- whose socket it is ----------------------------------------------------------------------------

    async def _readiness(self, sock: socket.socket, direction: int) -> Readiness:
        """The socket's `Readiness` for a direction, made at first use; waits while another task uses it."""
        self._check_socket(sock)
        table = self._readers if direction == READ else self._writers
        mine: Any = None
        while True:
            fd = sock.fileno()
            if fd < 0:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            party = table.get(fd)
            if party is None or party.owner() is not sock:
                break
            if party.operation is mine or party.operation is None:
                return party
            await party.stand_in_line(in_front=mine is reserved)
            mine = reserved
        self._refuse_transports(fd)
        self._forget_if_reused(fd)
        party = Readiness(self, sock, direction)
        if fd not in table:  # else it takes the other's place when it has to wait, and not before
            table[fd] = party
            party.watched = bool(self._interest.get(fd, 0) & direction)
        return party

    def _check_socket(self, sock: socket.socket) -> None:
        """A socket that these coroutines can serve: not TLS, and in debug mode tested not to block."""
        if isinstance(sock, ssl.SSLSocket):
            raise TypeError("Socket cannot be of type SSLSocket")
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")


def no_owner() -> None:
    """The owner of a descriptor that nobody waits for."""


def descriptor(fileobj: Any) -> int:
    """The number of a descriptor, given as such or as what has ``fileno()``; ValueError if it is none."""
    if isinstance(fileobj, int):
        fd = fileobj
    else:
        try:
            fd = int(fileobj.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fileobj!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd


def _finish_connect(sock: socket.socket, address: Any) -> None:
    """The outcome of a connect that went on in the background."""
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, f"Connect call failed {address}")
