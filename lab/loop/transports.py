"""Transports: a connected stream socket that pushes what it reads into a protocol, and takes what to send.

With ``sock_recv`` a program asks for data; with a transport the loop reads whenever there is something, and
calls the protocol: no task, no future, no wait in between. The transport itself stands in the loop's table of
readers. (Its sending half is ``sending.py``.)

Rules
- A protocol reads in a copy of the context in which the transport was made; ``connection_made`` runs in one
  of its own, ``connection_lost`` in a copy of that in which the connection was closed: as in asyncio.
- The read size adapts between ``SMALLEST_READ`` and ``LARGEST_READ``, for the reason that ``readiness.py``
  tells.
- From the beginning to ``connection_lost`` the descriptor is the transport's: ``add_reader`` refuses it.

Pitfalls
- Edge-triggered: a report covers everything that has come, so reads go on until one is short; and even then,
  if the peer has hung up or may have sent descriptors (Unix sockets; ``readiness.py`` tells why). After
  ``DRAIN_TURNS`` full reads the others' turn comes, and this one is re-armed.
- An idle connection should cost little memory: no queue and no names before they are used.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import warnings
from asyncio import constants, trsock
from collections.abc import Callable
from typing import Any

from backends.contract import READ, WRITE
from lab.loop.delivery import delivery_to
from lab.loop.readiness import LARGEST_READ, SMALLEST_READ
from lab.loop.sending import SendingTransport

DRAIN_TURNS = 16
"""Full reads in a row, under an edge-triggered backend, before other descriptors get their turn."""


class TakesBytes:
    """A buffered protocol that is handed bytes all the same, never more than the smallest read at a time."""


class StreamTransport(SendingTransport):
    """A TCP or Unix stream connection. Made by the loop's ``create_*`` methods."""

    __slots__ = (
        "__weakref__",
        "_deliver",
        "_enough",
        "_paused",
        "_peername",
        "_read_size",
        "_receive",
        "_server",
        "_sockname",
    )

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        server: Any = None,
        peername: Any = None,
    ) -> None:
        super().__init__(loop, sock, protocol)
        self.set_protocol(protocol)
        self._paused = False
        self._enough = SMALLEST_READ
        self._read_size = SMALLEST_READ
        self._receive: Any = sock.recv
        self._sockname = None
        self._peername = _name(sock.getpeername) if peername is None else peername
        self._server = server
        if server is not None:
            server._attach(self)
        # ``sock_*`` coroutines may have had the socket, or a closed one of this number.
        loop._forget(self._fd)
        loop._readers[self._fd] = self
        loop.call_soon(self._begin, waiter, context=self._context.copy())

    def _begin(self, waiter: asyncio.Future[None] | None) -> None:
        """Introduce the protocol, only then read, and only then tell who waits for the connection."""
        try:
            self._protocol.connection_made(self)
        finally:
            error = None if self._closing or self._paused else self._begin_reading()
            if waiter is not None and not waiter.done():
                waiter.set_result(None) if error is None else waiter.set_exception(error)

    def _begin_reading(self) -> BaseException | None:
        """Have the kernel watch the socket. It may refuse (select: a number too high); that ends it."""
        try:
            self._loop._watch(self._fd, READ)
        except (OSError, ValueError) as error:
            self._fail(error, "The connection cannot be watched")
            return error
        return None

    # -- what it is ------------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``socket``, closed after the end; ``sockname``, ``peername``, which outlive the connection."""
        if name == "peername":
            value = self._peername
        elif name == "sockname":
            value = self._sockname if self._sock is None else _name(self._sock.getsockname)
        elif name == "socket":
            value = trsock.TransportSocket(self._sock or self._extra)
        else:
            value = None
        return default if value is None else value

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what comes from now on to another protocol, or to the methods that this one has now."""
        self._protocol = protocol
        reads_into = isinstance(protocol, asyncio.BufferedProtocol) and not isinstance(protocol, TakesBytes)
        self._deliver: Any = None if reads_into or self._sock is None else self._deliver_first

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that is served."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""
        return self._closing

    def is_open(self) -> bool:
        """Whether its socket has not been closed, by itself or behind its back."""
        return self._sock is not None and self._sock.fileno() == self._fd

    def __repr__(self) -> str:
        if self._sock is None:
            return f"<{type(self).__name__} closed fd={self._fd}>"
        interest = self._loop._interest.get(self._fd, 0)
        return (
            f"<{type(self).__name__}{' closing' if self._closing else ''} fd={self._fd} "
            f"read={'polling' if interest & READ else 'idle'} "
            f"write=<{'polling' if interest & WRITE else 'idle'}, bufsize={self._queued}>>"
        )

    # -- reading ---------------------------------------------------------------------------------------

    @staticmethod
    def owner() -> None:
        """No ``sock_*`` coroutine may use the descriptor."""

    def hangup(self) -> None:
        """The peer has hung up: reading finds out, behind what it has sent."""

    def lost(self) -> None:
        """Somebody else closed the socket, and its number may be another's."""
        if not self._lost:
            self._fail(OSError(errno.EBADF, os.strerror(errno.EBADF)), "The socket was closed by others")

    def is_reading(self) -> bool:
        """Whether data is taken from the kernel."""
        return not (self._closing or self._paused)

    def pause_reading(self) -> None:
        """Leave data in the kernel; the peer will feel it."""
        if self.is_reading():
            self._paused = True
            self._loop._unwatch(self._fd, READ)

    def resume_reading(self) -> None:
        """Take data again."""
        if self._paused and not self._closing:
            self._paused = False
            self._loop._watch(self._fd, READ)

    def fire(self) -> None:  # HOT
        """The kernel says that there is something to read: read once, and hand it on.

        It stands for ``self._context.run(self._protocol.data_received, self._sock.recv(self._read_size))``
        with both methods kept, and ``_has_read`` called only for the counts that mean something to it (make
        bench WORKLOAD=echo-protocol). Errors end the connection.
        """
        deliver, receive = self._deliver, self._receive
        if deliver is None:
            self._read_into()
            return
        try:
            data = receive(SMALLEST_READ)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail_reading(error, "Fatal read error on socket transport")
            return
        if not data:
            self._end_of_stream()
            return
        try:
            self._context.run(deliver, data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail_reading(error, "Fatal error: protocol.data_received() call failed.")
            return
        if len(data) >= self._enough:
            self._has_read(self._filled(len(data)))

    def _deliver_first(self, data: bytes) -> None:
        """Find out what takes the data, and let it.

        Not before there is any: a program may replace a protocol's ``data_received`` until then, from
        ``connection_made`` for one. (One that does it in mid-stream calls ``set_protocol`` again.)
        """
        self._deliver = delivery_to(self._protocol)
        self._deliver(data)

    def _has_read(self, filled: bool) -> None:
        """A read gave ``_enough`` bytes or more, or as many as it asked for (``filled``): there may be more.

        A level-triggered backend will say so.
        """

    def _filled(self, count: int) -> bool:
        """Whether a read of ``count`` bytes gave as many as it asked for; then the next asks for more."""
        size = self._read_size
        if count != size or self._receive is None:
            return False
        if not isinstance(self._protocol, TakesBytes):
            self._read_size = min(size * 2, LARGEST_READ)
            self._receive = self._receive_more
        return True

    def _receive_more(self, _: int) -> bytes:
        """In place of the socket's ``recv`` while the read size is above the smallest."""
        size = self._read_size
        data = self._sock.recv(size)
        if len(data) < size // 4:
            self._read_size = SMALLEST_READ
            self._receive = self._sock.recv
        return data

    def _read_into(self) -> None:
        """The same into the protocol's own buffer."""
        try:
            buffer = self._context.run(self._protocol.get_buffer, -1)
            room = len(buffer)
            if not room:
                raise RuntimeError("get_buffer() returned an empty buffer")
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail_reading(error, "Fatal error: protocol.get_buffer() call failed.")
            return
        try:
            count = self._sock.recv_into(buffer)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail_reading(error, "Fatal read error on socket transport")
            return
        if not count:
            self._end_of_stream()
            return
        try:
            self._context.run(self._protocol.buffer_updated, count)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail_reading(error, "Fatal error: protocol.buffer_updated() call failed.")
            return
        if count == room or count >= self._enough:
            self._has_read(count == room)

    def _end_of_stream(self) -> None:
        """The peer has sent its last byte; the protocol decides whether ours are still wanted."""
        try:
            keep_open = self._context.run(self._protocol.eof_received)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail_reading(error, "Fatal error: protocol.eof_received() call failed.")
            return
        if keep_open:
            self._loop._unwatch(self._fd, READ)
        else:
            self._context.run(self.close)

    def _fail_reading(self, error: BaseException, message: str) -> None:
        """End the connection by an error that reading has met."""
        self._context.run(self._fail, error, message)

    # -- the end ---------------------------------------------------------------------------------------

    def _end(self, error: BaseException | None) -> None:
        """Let go of the descriptor and the server; what can no longer be asked then is asked before."""
        self._sockname = _name(self._sock.getsockname)
        self._extra = self._sock
        if self._loop._readers.get(self._fd) is self:
            self._loop._forget(self._fd)
        try:
            super()._end(error)
        finally:
            self._receive = self._deliver = None
            server, self._server = self._server, None
            if server is not None:
                server._detach(self)

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if getattr(self, "_sock", None) is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._sock.close()


class EdgeStreamTransport(StreamTransport):
    """The same under an edge-triggered backend: a report covers everything that has come."""

    __slots__ = ("_again",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._again: bool | None = None
        if self._sock.family == socket.AF_UNIX:
            self._enough = 0

    def hangup(self) -> None:
        """The peer has hung up, which is not said again: from now on no short read is the last."""
        self._enough = 0

    def _has_read(self, filled: bool) -> None:
        """Read on if there may be more; within ``_read_on``, say so."""
        if not filled and self._enough:
            return
        if self._again is None:
            self._read_on()
        else:
            self._again = True

    def _read_on(self) -> None:
        """Read until there is no more; after ``DRAIN_TURNS`` reads in all the others' turn comes."""
        try:
            for _ in range(1, DRAIN_TURNS):
                if not self.is_reading():
                    return
                self._again = False
                self.fire()
                if not self._again:
                    return
        finally:
            self._again = None
        self._loop._rearm(self._fd)


def stream_transport(
    loop: Any,
    sock: socket.socket,
    protocol: asyncio.BaseProtocol,
    waiter: asyncio.Future[None] | None = None,
    server: Any = None,
    peername: Any = None,
) -> StreamTransport:
    """A transport that owns ``sock``, of the kind that the loop's backend needs."""
    kind = EdgeStreamTransport if loop._edge else StreamTransport
    return kind(loop, sock, protocol, waiter, server, peername)


def _name(ask: Callable[[], Any]) -> Any:
    """A socket's name or its peer's; None where there is none (any more)."""
    try:
        return ask()
    except OSError:
        return None


def without_delay(sock: socket.socket) -> None:
    """Have TCP send small writes at once, as asyncio does since 3.6: who has more to say writes more."""
    if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
        with contextlib.suppress(OSError):  # macOS refuses when the peer is gone already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
