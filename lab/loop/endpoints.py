"""What the transports of datagrams and of pipes have in common: a descriptor that is theirs.

A transport owns its descriptor from ``connection_made`` to ``connection_lost``, and closes it then. In
between it stands in the loop's table of readers itself; its `Outlet` stands in the table of writers, but
only while something is queued, since a descriptor is nearly always writable.

Rules
- A protocol's methods are called in the context in which the transport was made.
- The end is announced once, in a turn of its own, however many reasons there are for it.
- Every event is followed by arming the descriptor anew where the backend is edge-triggered. That costs less
  than the read that must fail to show that nothing is left, and it lets the other descriptors in between.

The high-water marks are asyncio's own ``_FlowControlMixin``: not public, but the same since Python 3.5, and
used by asyncio's transports on every platform.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import logging
import os
import warnings
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable
from typing import Any

from backends.contract import READ, WRITE

logger = logging.getLogger("asyncio")

QUIET_LOST_WRITES = 5
"""Writes after the end before each is logged (asyncio.constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES)."""


class Endpoint(asyncio.BaseTransport):
    """A transport that owns a descriptor. The subclass says what to do when it is ready."""

    _file: Any = None

    def __init__(self, loop: Any, file: Any, protocol: asyncio.BaseProtocol, extra: dict[str, Any]) -> None:
        asyncio.BaseTransport.__init__(self, extra)  # not the next in line: a mixin has its own signature
        self._loop = loop
        self._file = file
        self._fd: int = file.fileno()
        self._protocol: Any = protocol
        self._context = contextvars.copy_context()
        self._closing = False
        self._lost = 0
        self._queue: bytearray | deque[Any] | None = None
        self._outlet: Any = Outlet(self)
        self._end_former_owners()

    def _begin(self, waiter: asyncio.Future[None] | None) -> None:
        """Introduce the protocol, only then listen, and only then tell who waits for the transport."""
        try:
            self._protocol.connection_made(self)
        finally:
            error: Exception | None = None
            try:
                if not self._closing:
                    self._listen()
            except (OSError, ValueError) as refused:  # nothing that can be watched, or too high for select
                error = refused
                self._force_close(error)
            if waiter is not None and not waiter.done():
                waiter.set_result(None) if error is None else waiter.set_exception(error)

    # -- what the subclass does --------------------------------------------------------------------------

    def _listen(self) -> None:
        """Begin to take events."""
        self._watch(READ, self)

    def _read_ready(self) -> None:
        """The descriptor can be read, or has hung up."""
        raise NotImplementedError

    def _write_ready(self) -> None:
        """The descriptor takes more of the queue."""
        raise NotImplementedError

    def _is_expected(self, error: BaseException) -> bool:
        """Whether an error is no more than the other side's way of going."""
        return isinstance(error, OSError)

    # -- towards the loop --------------------------------------------------------------------------------

    def fire(self) -> None:
        """The kernel says that the descriptor can be read."""
        self._respond(self._read_ready)

    def hangup(self) -> None:
        """The other side is gone: the next read or write finds out."""

    def lost(self) -> None:
        """Somebody else has closed the descriptor, and its number may be another's by now."""
        self._force_close(OSError(errno.EBADF, os.strerror(errno.EBADF)))

    @staticmethod
    def owner() -> None:
        """No ``sock_*`` coroutine may use the descriptor."""

    def _respond(self, action: Callable[[], None]) -> None:
        try:
            self._context.run(action)
        finally:
            if self._loop._edge:
                self._loop._rearm(self._fd)

    def _end_former_owners(self) -> None:
        """A transport whose file somebody else closed is still in the table; its number is ours now."""
        self._loop._forget_if_reused(self._fd)
        for table in (self._loop._readers, self._loop._writers):
            party = table.get(self._fd)
            if isinstance(party, (Endpoint, Outlet)) and not party.is_open():
                party.lost()

    def is_open(self) -> bool:
        """Whether the file has not been closed, here or by somebody else."""
        try:
            return self._file.fileno() >= 0
        except (AttributeError, ValueError):
            return False

    def _watch(self, direction: int, party: Any) -> None:
        """Let ``party`` hear of the descriptor, in place of whoever did."""
        loop, fd = self._loop, self._fd
        table = loop._readers if direction == READ else loop._writers
        if fd in table:
            loop._confirm(fd, direction)
        else:
            loop._watch(fd, direction)
        table[fd] = party

    def _unwatch(self, direction: int, party: Any) -> None:
        """Let it hear no more."""
        table = self._loop._readers if direction == READ else self._loop._writers
        if table.get(self._fd) is party:
            del table[self._fd]
            self._loop._unwatch(self._fd, direction)

    # -- towards the program -----------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what comes from now on to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that is served; None after its ``connection_lost``."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""
        return self._closing

    def __repr__(self) -> str:
        name = type(self).__name__
        if self._file is None:
            return f"<{name} closed>"
        interest = self._loop._interest.get(self._fd, 0)
        reading, writing = ("polling" if interest & each else "idle" for each in (READ, WRITE))
        state = "closing" if self._closing else "open"
        return f"<{name} {state} fd={self._fd} read={reading} write={writing}>"

    # -- the end -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is queued, then close; the protocol's ``connection_lost(None)`` says when."""
        if not self._closing:
            self._closing = True
            if not self._queue:
                self._force_close(None)

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        self._force_close(None)

    def _force_close(self, error: BaseException | None) -> None:
        if self._lost:
            return
        self._closing = True
        self._lost = 1
        if self._queue:
            self._queue.clear()
        self._unwatch(READ, self)
        self._unwatch(WRITE, self._outlet)
        self._loop.call_soon(self._end, error)

    def _fail(self, error: BaseException, message: str) -> None:
        """Close because of an error; one that is not expected is reported."""
        if not self._is_expected(error):
            self._loop.call_exception_handler(
                {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
            )
        elif self._loop.get_debug():
            logger.debug("%r: %s", self, message, exc_info=error)
        self._force_close(error)

    def _end(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._file.close()
            self._file = self._protocol = self._outlet = None  # the outlet knows this transport: a cycle

    def _is_lost(self, warning: str) -> bool:
        """Whether a write comes after the end. The first few are forgiven, each one more is logged."""
        if not self._lost:
            return False
        if self._lost >= QUIET_LOST_WRITES:
            logger.warning(warning)
        self._lost += 1
        return True

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if self._file is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._file.close()


class ReadingEndpoint(Endpoint):
    """One that reads, and can be asked to leave data in the kernel for a while."""

    _paused = False

    def _listen(self) -> None:
        if not self._paused:
            super()._listen()

    def is_reading(self) -> bool:
        """Whether data is taken from the kernel."""
        return not (self._closing or self._paused)

    def fire(self) -> None:
        """The kernel says that the descriptor can be read; it may have said so just before a pause."""
        if self.is_reading():
            super().fire()

    def pause_reading(self) -> None:
        """Leave data in the kernel until ``resume_reading``."""
        if self.is_reading():
            self._paused = True
            if self._loop._readers.get(self._fd) is self:
                self._loop._unwatch(self._fd, READ)

    def resume_reading(self) -> None:
        """Take data again."""
        if self._paused and not self._closing:
            self._paused = False
            self._listen()

    def close(self) -> None:
        """Read no more, send what is queued, then close; ``connection_lost(None)`` says when."""
        self._unwatch(READ, self)
        super().close()


class WritingEndpoint(Endpoint, _FlowControlMixin):
    """One that writes, and tells its protocol to pause and to resume."""

    def __init__(self, loop: Any, file: Any, protocol: asyncio.BaseProtocol, extra: dict[str, Any]) -> None:
        super().__init__(loop, file, protocol, extra)
        self._protocol_paused = False
        self._set_write_buffer_limits()


class Outlet:
    """A transport's queue in the loop's table of writers, there only while something is queued."""

    __slots__ = ("transport",)

    def __init__(self, transport: Endpoint) -> None:
        self.transport = transport

    def fire(self) -> None:
        """The kernel takes more."""
        self.transport._respond(self.transport._write_ready)

    def hangup(self) -> None:
        """The other side is gone: the write finds out."""

    def lost(self) -> None:
        """Somebody else has closed the descriptor."""
        self.transport.lost()

    def is_open(self) -> bool:
        """Whether the transport's file has not been closed."""
        return self.transport.is_open()

    @staticmethod
    def owner() -> None:
        """No ``sock_*`` coroutine may use the descriptor."""
