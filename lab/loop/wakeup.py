"""Waking a loop that sleeps in the kernel: from other threads, and by signals.

A loop that blocks in its backend hears of nothing but descriptors. So it keeps a socket pair to itself: who
wants it awake writes one byte into the pair's other end. The interpreter does the same for signals
(``signal.set_wakeup_fd``): the byte is the signal's number, and the handler runs as an ordinary callback, not
in the middle of whatever the signal interrupted.

Invariant: one unread byte is enough. ``_woken`` is set before a byte is written and cleared after the pair
was emptied, and who finds it set has put its handle into the queue before: the loop looks at the queue
again before it sleeps. So a thousand calls from threads cost one system call, not a thousand.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable
from contextvars import Context
from typing import Any

from backends.contract import READ
from lab.loop.handle import Handle, readiness_handle
from lab.loop.lifecycle import LifecycleLoop

logger = logging.getLogger("asyncio")

_WAKE = b"\0"
"""No signal has the number 0."""


class WakeupLoop(LifecycleLoop):
    """The fourth storey: a loop that threads and signals can wake."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._woken = False
        self._signal_handlers: dict[int, Handle] = {}
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        fd = self._wake_reader.fileno()
        self._readers[fd] = readiness_handle(fd, self._heed_wakeups, (), self)
        try:
            self._watch(fd, READ)
        except BaseException:  # select, when the numbers that it can watch are all in use
            self._wake_reader.close()
            self._wake_writer.close()
            raise
        self._interest_changes = 0

    def close(self) -> None:
        """Restore the signals' handlers, give back the socket pair, and close."""
        if self.is_running() or self._closed:
            super().close()
            return
        for number in list(self._signal_handlers):
            self.remove_signal_handler(number)
        super().close()
        self._wake_reader.close()
        self._wake_writer.close()

    # -- threads ---------------------------------------------------------------------------------------

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """``call_soon`` for any thread: puts the handle into the queue, then wakes the loop."""
        if self._closed or self._debug:
            self._check_closed()
            self._check_callback(callback, "call_soon_threadsafe")
        handle = Handle().fill(callback, args, self, context)
        self._ready.append(handle)
        if not self._woken:
            self._wake()
        return handle

    def _wake(self) -> None:
        try:
            self._woken = True
            self._wake_writer.send(_WAKE)
        except OSError:  # a full pair wakes the loop as well; a closed one is that of a loop at its end
            pass
        except BaseException:  # Ctrl-C before the byte was written: whoever comes next has to write one
            self._woken = False
            raise

    def _heed_wakeups(self) -> None:
        """Empty the pair; whatever it held beyond wake-ups are signals."""
        numbers = b""
        try:
            while data := self._wake_reader.recv(4096):
                numbers += data.replace(_WAKE, b"")
                if len(data) < 4096:
                    break
        except (BlockingIOError, InterruptedError):
            pass
        finally:
            self._woken = False
        for number in numbers:
            self._heed_signal(number)

    # -- signals ---------------------------------------------------------------------------------------

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(*args)`` in the loop when the process gets ``sig``; main thread only."""
        self._check_callback(callback, "add_signal_handler")
        self._check_signal(sig)
        self._check_closed()
        try:
            signal.set_wakeup_fd(self._wake_writer.fileno())
        except (ValueError, OSError) as error:
            raise RuntimeError(str(error)) from error
        self._signal_handlers[sig] = Handle().fill(callback, args, self)
        try:
            # A Python-level handler must exist for the interpreter to write the number.
            signal.signal(sig, _leave_it_to_the_loop)
            signal.siginterrupt(sig, False)  # system calls elsewhere in the process go on (SA_RESTART)
        except OSError as error:
            del self._signal_handlers[sig]
            self._let_go_of_signals()
            if error.errno == errno.EINVAL:
                raise RuntimeError(f"sig {sig} cannot be caught") from error
            raise

    def remove_signal_handler(self, sig: int) -> bool:
        """Restore Python's default for ``sig``; True if there was a handler."""
        self._check_signal(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        try:
            signal.signal(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise RuntimeError(f"sig {sig} cannot be caught") from error
            raise
        self._let_go_of_signals()
        return True

    def _heed_signal(self, number: int) -> None:
        handle = self._signal_handlers.get(number)
        if handle is None:
            return
        if handle._cancelled:
            self.remove_signal_handler(number)
        else:
            self._ready.append(handle)

    def _let_go_of_signals(self) -> None:
        if not self._signal_handlers:
            try:
                signal.set_wakeup_fd(-1)
            except (ValueError, OSError) as error:
                logger.info("set_wakeup_fd(-1) failed: %s", error)

    def _check_signal(self, sig: int) -> None:
        if not isinstance(sig, int):
            raise TypeError(f"sig must be an int, not {sig!r}")
        if sig not in signal.valid_signals():
            raise ValueError(f"invalid signal number {sig}")


def _leave_it_to_the_loop(signum: int, frame: object) -> None:
    """The signal's number is on its way to the loop already."""
