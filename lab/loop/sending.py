"""The sending half of a stream transport: what cannot be sent at once is queued.

The kernel takes what fits its buffer. The rest waits here, and the protocol is told to pause above the
high-water mark and to resume below the low one: that is all the back-pressure there is.

Rules
- A protocol is called from the loop only, never from within the caller's ``write`` or ``close``
  (``pause_writing`` excepted, as in asyncio).
- The queue's size is a number that is kept: to sum it up for every write made many small writes quadratic
  (CPython issue 146507).
- ``bytes`` are queued as they are; anything mutable is copied, since its owner may change it after ``write``.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import itertools
import logging
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from backends.contract import READ, WRITE

logger = logging.getLogger("asyncio")

HIGH_WATER = 64 * 1024
"""Bytes queued above which the protocol is asked to pause (asyncio's default; the low mark is a quarter)."""
QUIET_LOST_WRITES = 5
"""Writes to a lost connection before each is logged (asyncio.constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES)."""

try:
    _PIECES = os.sysconf("SC_IOV_MAX")
except (ValueError, OSError):
    _PIECES = 16  # what POSIX promises (_XOPEN_IOV_MAX)


class SendingTransport(asyncio.Transport):
    """A connected stream socket that takes what to send, and can be closed."""

    __slots__ = (
        "_closing",
        "_context",
        "_direct",
        "_drained",
        "_eof",
        "_fd",
        "_high",
        "_loop",
        "_lost",
        "_low",
        "_protocol",
        "_protocol_paused",
        "_queue",
        "_queued",
        "_sock",
    )

    def __init__(self, loop: Any, sock: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        self._extra = None
        self._loop = loop
        self._sock: socket.socket | None = sock
        self._fd = sock.fileno()
        self._protocol: Any = protocol
        self._context = contextvars.copy_context()
        self._closing = self._eof = self._protocol_paused = False
        self._lost = 0
        self._direct: Any = sock.send
        self._queue: collections.deque[Any] | None = None
        self._queued = 0
        self._high, self._low = HIGH_WATER, HIGH_WATER // 4
        self._drained: asyncio.Future[None] | None = None

    # -- writing ---------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:  # HOT
        """Send ``data`` (bytes-like), now as far as the kernel takes it, the rest when it takes more.

        ``_direct`` is the socket's ``send`` while five questions have their usual answer, else None: nothing
        queued, not closed, not lost, no end of stream sent, no sendfile under way. (Called as
        ``self._direct(data)`` it would be looked up as a method; make bench WORKLOAD=echo-protocol.)
        """
        send = self._direct
        if send is None or data.__class__ is not bytes or not data:
            data = self._accepted(data)
            if not data:
                return
            if self._queued:
                self._enqueue(data)
                return
            send = self._sock.send
        try:
            sent = send(data)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
            sent = 0
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "Fatal write error on socket transport")
            return
        if sent != len(data):
            self._enqueue(memoryview(data)[sent:] if sent else data)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send several pieces as if they were one, without joining them."""
        pieces = [piece for piece in map(_kept, list_of_data) if piece]
        if not self._takes(pieces):
            return
        was_empty = not self._queued
        for piece in pieces:
            self._append(piece)
        if was_empty:
            self._flush()
        self._watch_queue()

    def _accepted(self, data: Any) -> Any:
        """``data`` as it may be queued, or None if there is nothing to send; raises what asyncio raises."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        return _kept(data) if self._takes(data) else None

    def _takes(self, data: Any) -> bool:
        """Whether there is something to send and somebody to send it to; raises what asyncio raises."""
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._drained is not None:
            raise RuntimeError("unable to write; sendfile is in progress")
        if not data:
            return False
        if self._lost:
            if self._lost >= QUIET_LOST_WRITES:
                logger.warning("socket.send() raised exception.")
            self._lost += 1
        return not self._lost

    def _enqueue(self, piece: Any) -> None:
        self._append(piece)
        self._watch_queue()

    def _append(self, piece: Any) -> None:
        if self._queue is None:
            self._queue = collections.deque()
        self._queue.append(piece)
        self._queued += len(piece)
        self._direct = None

    def _watch_queue(self) -> None:
        """Have the rest sent when the kernel takes more; ask the protocol to pause if it is too much."""
        if self._queued and self._fd not in self._loop._writers:
            self._loop._writers[self._fd] = _Outlet(self)
            self._loop._watch(self._fd, WRITE)
        if self._queued > self._high and not self._protocol_paused:
            self._protocol_paused = True
            self._call_protocol(self._protocol.pause_writing, "protocol.pause_writing() failed")

    def _flush(self) -> None:
        """Send as much of the queue as the kernel takes; when it is empty, do what waited for that."""
        queue = self._queue
        try:
            while queue:
                sent = self._send_some(queue)
                self._queued -= sent
                _drop(queue, sent)
                if not self._loop._edge:
                    break
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "Fatal write error on socket transport")
            return
        if self._queued <= self._low and self._protocol_paused:
            self._protocol_paused = False
            self._call_protocol(self._protocol.resume_writing, "protocol.resume_writing() failed")
        if not self._queued and not self._lost:
            self._queue_is_empty()

    def _send_some(self, queue: collections.deque[Any]) -> int:
        if len(queue) == 1:
            return self._sock.send(queue[0])
        return self._sock.sendmsg(itertools.islice(queue, _PIECES))

    def _queue_is_empty(self) -> None:
        self._queue = None
        self._unwatch_queue()
        if self._closing:
            self._lost += 1
            self._end(None)
            return
        if self._eof:
            self._shutdown()
        if self._drained is None:
            self._direct = None if self._eof else self._sock.send
        elif not self._drained.done():
            self._drained.set_result(None)

    def _unwatch_queue(self) -> None:
        if self._loop._writers.pop(self._fd, None) is not None:
            self._loop._unwatch(self._fd, WRITE)

    def can_write_eof(self) -> bool:
        """Streams can be closed in one direction."""
        return True

    def write_eof(self) -> None:
        """Send the end of the stream after all that is queued; reading goes on."""
        if self._closing or self._eof:
            return
        self._eof = True
        self._direct = None
        if not self._queued:
            self._shutdown()

    def _shutdown(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._fail(error, "Fatal error on socket transport")

    # -- flow control ----------------------------------------------------------------------------------

    def get_write_buffer_size(self) -> int:
        """Bytes queued."""
        return self._queued

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The low and the high mark, in bytes."""
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks: by default ``high`` is 64 KiB and ``low`` a quarter of it."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        if self._queued > high and not self._protocol_paused:
            self._watch_queue()

    def _call_protocol(self, call: Callable[[], object], message: str) -> None:
        try:
            call()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._loop.call_exception_handler(
                {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
            )

    def _make_empty_waiter(self) -> asyncio.Future[None]:
        """A future for an empty queue; until it is reset, nothing can be written (``loop.sendfile``)."""
        if self._drained is not None:
            raise RuntimeError("Empty waiter is already set")
        self._drained = self._loop.create_future()
        self._direct = None
        if not self._queued:
            self._drained.set_result(None)
        return self._drained

    def _reset_empty_waiter(self) -> None:
        self._drained = None
        if not (self._queued or self._closing or self._eof or self._lost):
            self._direct = self._sock.send

    # -- the end ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is queued, then close; the protocol's ``connection_lost(None)`` says when."""
        if self._closing:
            return
        self._closing = True
        self._direct = None
        self._loop._unwatch(self._fd, READ)
        if not (self._queued or self._lost):
            self._lost += 1
            self._loop.call_soon(self._end, None)

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        if self._lost:
            return
        self._lost += 1
        self._direct = None
        if self._queued:
            self._queue, self._queued = None, 0
            self._unwatch_queue()
        if not self._closing:
            self._closing = True
            self._loop._unwatch(self._fd, READ)
        self._loop.call_soon(self._end, error)

    def _fail(self, error: BaseException, message: str) -> None:
        """End the connection by an error. Those of the network are expected, others are reported."""
        if not isinstance(error, OSError):
            self._loop.call_exception_handler(
                {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
            )
        elif self._loop.get_debug():
            logger.debug("%r: %s", self, message, exc_info=error)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(error)
        self._force_close(error)

    def _end(self, error: BaseException | None) -> None:
        """Tell the protocol, and let go of everything."""
        try:
            self._protocol.connection_lost(error)
        finally:
            self._sock.close()
            self._sock = self._protocol = None
            if self._drained is not None and not self._drained.done():
                self._drained.set_exception(ConnectionError("Connection is closed by peer"))


class _Outlet:
    """A transport's queue in the loop's table of writers, there only while something is queued."""

    __slots__ = ("transport",)

    def __init__(self, transport: SendingTransport) -> None:
        self.transport = transport

    def fire(self) -> None:
        """The kernel takes more."""
        self.transport._context.run(self.transport._flush)

    def hangup(self) -> None:
        """The peer has hung up: the next send finds out."""

    def lost(self) -> None:
        """Somebody else closed the socket: the transport is told, or has told."""
        self.transport.lost()

    @staticmethod
    def owner() -> None:
        """No ``sock_*`` coroutine may use the descriptor."""


def _kept(data: Any) -> bytes:
    """``data``, anything with a buffer, in a form that its owner cannot change."""
    return data if data.__class__ is bytes else bytes(memoryview(data))


def _drop(queue: collections.deque[Any], count: int) -> None:
    """Take ``count`` bytes off the front of the queue."""
    while count:
        piece = queue.popleft()
        if len(piece) > count:
            queue.appendleft(memoryview(piece)[count:])
            return
        count -= len(piece)
