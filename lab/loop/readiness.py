"""One reusable future for each socket and direction: what ``await loop.sock_recv(...)`` waits for.

asyncio makes a Future, a Handle, a closure and two system calls for every wait. A socket is waited for over
and over by the same task, so one awaitable serves all its waits. It keeps a future's contract towards tasks
(``_asyncio_future_blocking``, ``add_done_callback``, ``result``, ``cancel``), holds at most one callback,
and is pending again as soon as its task has been resumed. asyncio's C Task accepts any such object.

The operation (a ``recv``, say) is tried when the kernel reports the socket ready, before the task is woken:
a false report costs the task nothing.

Rules
- It belongs to a socket *object*, weakly: numbers are reused by the kernel, objects are not. The operation,
  which holds the socket, is kept only during a wait.
- Tasks that want the same socket stand in a ``line``. The socket goes from one straight to the next, so
  that none overtakes another; one that did not need to wait passes it on.
- ``ready`` says "try first". A read that filled its buffer leaves it on; one that drained the socket turns
  it off, since a ``recv`` that must fail costs more than a wait (its exception alone takes a microsecond).
- A short read means drained, with exceptions that make ``ready`` ``sticky``. Datagrams: only a would-block
  says so. Edge-triggered, once the peer has hung up: the FIN came with the data and is not reported again.
  Edge-triggered Unix sockets: a read stops short behind data that brought descriptors (SCM_RIGHTS).

Pitfalls
- A socket that another task closes is not reported by epoll and kqueue. Who waits for it learns it (EBADF)
  when the loop does: with select and poll at the next wait, else once its number is in use again. asyncio
  leaves it waiting for ever.
- Urgent data (MSG_OOB) makes a read stop short as well; edge-triggered, what is behind it waits for more.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import socket
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from backends.contract import READ

SMALLEST_READ = 64 * 1024
"""Bytes asked of the kernel until a read fills them. Well under glibc's 128 KiB mmap threshold: above it
every ``recv`` maps, faults in and unmaps its buffer, which took 15 us a message (CPython issue 85451), until
the process has once freed a block so large (docs/method.md)."""
LARGEST_READ = 1024 * 1024
"""Bytes; how far full reads make the buffer grow."""


no_error = [].clear
"""What ``result`` mostly is. The task asks only whether there is an error, for the value goes another way; a
built-in function answers without a Python frame, which is a thirtieth of the loop's share of a message
(tests/microbench: sock_recv)."""


class Readiness:
    """The wait of one socket for one direction, reusable."""

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_context",
        "_error",
        "_loop",
        "argument",
        "direction",
        "fd",
        "line",
        "operation",
        "owner",
        "read_size",
        "ready",
        "result",
        "sticky",
        "value",
        "watched",
    )

    def __init__(self, loop: Any, sock: socket.socket, direction: int) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callback: Callable[..., object] | None = None
        self._context: contextvars.Context | None = None
        self._error: BaseException | None = None
        self.result: Callable[[], None] = no_error
        self.value: Any = None
        self.owner = weakref.ref(sock)
        self.fd = sock.fileno()
        self.direction = direction
        self.operation: Callable[[Any], Any] | None = None
        self.argument: Any = None
        self.line: deque[asyncio.Future[None]] | None = None  # mostly nobody stands there
        self.ready = True
        stream = sock.type == socket.SOCK_STREAM
        self.sticky = not stream or (loop._edge and sock.family == socket.AF_UNIX)
        self.watched = False
        self.read_size = SMALLEST_READ if stream else sys.maxsize  # a datagram cannot be read in parts

    def __repr__(self) -> str:
        state = "idle" if self._callback is None else f"waiting cb={self._callback!r}"
        return f"<Readiness {'read' if self.direction == READ else 'write'} fd={self.fd} {state}>"

    # -- towards the coroutine that waits --------------------------------------------------------------

    async def when_ready(self, operation: Callable[[Any], Any], argument: Any = None) -> Any:
        """Wait until the socket is ready and ``operation(argument)`` does not block; what it returned."""
        self.operation = operation
        self.argument = argument
        try:
            if not self.watched:
                self.watch()
            await self
            return self.value
        finally:
            self.release()

    def __await__(self) -> Iterator[Readiness]:
        """An iterator that hands this future to the task once, and ends when the task comes back.

        A generator would do, and would be resumed for nothing at every wait: the iterator of a tuple costs
        no frame. Its two ends are the caller's: ``operation`` before, ``release`` after.
        """
        self._asyncio_future_blocking = True
        return iter((self,))

    def release(self) -> None:
        """The wait is over, however it ended: hold nothing of it, and let the next in line in."""
        self._callback = self._context = self.operation = self.argument = self.value = None
        if self.line:
            self._let_next_in()

    async def stand_in_line(self, in_front: bool) -> None:
        """Wait until it is the caller's go; the socket is then `reserved` for its next step.

        ``in_front``: for who was let in already, and found that the one before needed another wait.
        """
        place = self._loop.create_future()
        if self.line is None:
            self.line = deque()
        self.line.insert(0 if in_front else len(self.line), place)
        try:
            await place
        finally:
            if place.done() and not place.cancelled() and not self._loop.is_closed():
                self._loop.call_soon(self._pass_on)

    def _let_next_in(self) -> None:
        while self.line and not self._loop.is_closed():
            place = self.line.popleft()
            if not place.done():
                self.operation = reserved
                place.set_result(None)
                return

    def _pass_on(self) -> None:
        """Whoever was let in has had its step: if it did not need to wait, the next may have the socket."""
        if self.operation is reserved:
            self.operation = None
            self._let_next_in()

    def watch(self) -> None:
        """Have the kernel watch the socket for this direction, and keep that until nobody wants it.

        If another stands in the table, the callback of an ``add_reader`` say, this takes its place.
        """
        table = self._loop._readers if self.direction == READ else self._loop._writers
        try:
            if table.get(self.fd) is self:
                self._loop._watch(self.fd, self.direction)
            else:
                self._loop._confirm(self.fd, self.direction)
                table[self.fd] = self
        except BaseException:
            self.ready = True  # nobody will tell
            raise
        self.watched = True

    def unwatch(self) -> None:
        """Stop watching at once: a socket is nearly always writable, so a kept wish to write would spin."""
        if self.watched:
            self.watched = False
            table = self._loop._readers if self.direction == READ else self._loop._writers
            if table.get(self.fd) is self:  # it may have been replaced, and the wish be another's
                self._loop._unwatch(self.fd, self.direction)

    def took(self, count: int, asked: int) -> None:
        """A read of ``asked`` bytes gave ``count``: is there more, and how much to ask for next time."""
        self.ready = count == asked or self.sticky
        if asked == self.read_size and count == asked:
            self.read_size = min(asked * 2, LARGEST_READ)
        elif asked > SMALLEST_READ and count < asked // 4 and self.read_size <= LARGEST_READ:
            self.read_size = SMALLEST_READ

    # -- towards the loop ------------------------------------------------------------------------------

    def hangup(self) -> None:
        """The peer has hung up or the socket failed. Only an edge-triggered report must be remembered."""
        if self._loop._edge:
            self.sticky = self.ready = True

    def fire(self) -> None:  # HOT
        """The kernel says that the socket is ready: do what is waited for, and wake who waits.

        It stands for ``future.set_result(operation(argument))`` on a future of its own, without the future
        and the handle that its done-callback would take (tests/microbench: sock_recv).
        """
        callback = self._callback
        if callback is None:
            self.ready = True
            self.watched = self._loop._edge
            self._loop._unwanted(self.fd, self.direction)
            return
        operation = self.operation
        try:
            self.value = operation(self.argument)  # Step 3 of 7: the data moves into a buffer.
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._error, self.result = error, self._raise_error
        self._callback = None  # Step 4 of 7: the future has its result.
        self._context.run(callback, self)  # Step 5 of 7: its done-callback wakes the task.
        del callback  # the task; this frame may be in the traceback of an error that the task keeps

    # -- towards the task: the future's contract -------------------------------------------------------

    def add_done_callback(
        self, callback: Callable[..., object], *, context: contextvars.Context | None = None
    ) -> None:
        """Remember the one task that waits."""
        if self._callback is not None:
            raise RuntimeError(f"one task at a time can wait for {self!r}")
        self._callback = callback
        self._context = contextvars.copy_context() if context is None else context

    def _raise_error(self) -> None:
        """What ``result`` is after a failure or a cancellation: it raises that, once."""
        error, self._error, self.result = self._error, None, no_error
        try:
            if error is not None:
                raise error
        finally:
            del self, error  # this frame is part of the error's traceback

    def cancel(self, msg: Any = None) -> bool:
        """Wake the task with CancelledError in the next turn; False if it has been woken already."""
        return self._fail(asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg))

    def lost(self) -> None:
        """The socket is closed, and its number may be another's: who still waits gets OSError (EBADF)."""
        self.watched = False
        self._fail(OSError(errno.EBADF, os.strerror(errno.EBADF)))

    def _fail(self, error: BaseException) -> bool:
        callback, self._callback = self._callback, None
        if callback is None:
            return False
        self._error, self.result = error, self._raise_error
        self._loop.call_soon(callback, self, context=self._context)
        return True


def reserved(_: Any) -> None:
    """In place of an ``operation``: the socket is for the task that was let in and has yet to run."""
