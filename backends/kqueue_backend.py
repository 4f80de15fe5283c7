"""kqueue(2): the interest set lives in the kernel, as one filter for each descriptor and direction.

In short
- Asks: which of the filters that you keep have fired? A descriptor has one filter for reading and one for
  writing; changes are told once, and a wait hands out only what there is to report.
- Costs: a wait is O(ready), however many are watched. A change is a system call; one call takes many.
- Limits: none on a descriptor's number; as many as the process may have open.
- Trigger: level, unless EV_CLEAR asks for edges, which nobody does here.
- Exists: macOS and the BSDs.

Facts about kqueue
- An entry is (ident, filter). EVFILT_READ and EVFILT_WRITE are separate entries, and separate events.
- Closing the registered *descriptor* removes its entries, whether or not duplicates keep the file open; so
  no event outlives its descriptor, other than one already returned. A fork does not inherit the queue.
- Filters instead of HUP, ERR and NVAL. EV_EOF on the read filter: the peer has shut its writing side, or
  the last writer of a pipe is gone; data may still be there to read. EV_EOF on the write filter: nothing
  can be sent any more, or the last reader of a pipe is gone. A socket's pending error comes in ``fflags``
  with it.
- Changes: a failing one becomes an event with EV_ERROR and the errno in ``data`` if there is room for
  events, and otherwise fails the call with that errno. ENOENT: no such entry; EBADF: not open. EV_ADD of an
  entry that is there already just sets it again. FreeBSD and old macOS refuse the write filter of a pipe
  whose reader is gone with EPIPE (https://github.com/tokio-rs/mio/pull/584).
- Reported entries go to the end of the queue, so none starves when more are ready than there is room for.
- With no room for events it returns at once, whatever the timeout. The timeout is a timespec; CPython
  rounds up to the nanosecond and refuses negative ones. Darwin answers EINVAL above some 10**6 seconds.
- EINTR: CPython runs the Python signal handlers and waits again for what is left of the time (PEP 475).
- asyncio's selector once asked for room for one event a descriptor though two filters need two
  (https://github.com/python/cpython/issues/109757); macOS has lost events of named pipes
  (https://github.com/python/cpython/issues/95600).
- Sources: kqueue(2) of FreeBSD and macOS; Modules/selectmodule.c.

What this means here
- Changes are made at once and with no room for events, so their errors are raised to who asked for them,
  and no EV_ERROR event comes from a wait.
- EV_EOF adds nothing to the direction of its filter, READ or WRITE: the operation tells, after what data
  there is. It does not become HANGUP, as the other direction may well be open, and its waiter would be
  woken for nothing, again and again. A pending error becomes ERROR, which counts for both directions.
- `wait` merges the filters of a descriptor into one event.
- `modify` adds every wanted filter anew: if the number was closed and reused, the new file is watched,
  whole.
"""

from __future__ import annotations

import errno
import select
from collections.abc import Mapping, Sequence
from typing import Any

from backends.contract import (
    ERROR,
    READ,
    WRITE,
    Backend,
    BackendUnavailableError,
    Event,
    checked_mask,
    checked_new,
)

_MAX_EVENTS = 512
"""Room for events in one wait. CPython allocates it for each call, at 32 bytes apiece."""
_GONE = frozenset({errno.EBADF, errno.ENOENT})
"""What a deletion says when the descriptor was closed since."""


class KqueueBackend(Backend):
    """Level-triggered kqueue.

    ``kernel`` offers what the `select` module does: ``kqueue``, ``kevent`` and the ``KQ_`` constants.
    """

    name = "kqueue"
    resolution = 1e-6

    def __init__(self, kernel: Any = select) -> None:
        if not hasattr(kernel, "kqueue"):
            raise BackendUnavailableError("kqueue exists on macOS and BSD only; use epoll on Linux, or poll")
        self._interest: dict[int, int] = {}
        self._kernel = kernel
        self._queue = kernel.kqueue()
        self._control = self._queue.control

    @property
    def interest(self) -> Mapping[int, int]:
        return self._interest

    def register(self, fd: int, mask: int) -> None:
        checked_new(fd, self._interest)
        self._add(fd, checked_mask(mask))
        self._interest[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        unwanted = self._interest[fd] & ~checked_mask(mask)
        self._add(fd, mask)
        self._delete(fd, unwanted)
        self._interest[fd] = mask

    def unregister(self, fd: int) -> None:
        self._delete(fd, self._interest.pop(fd))

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        # HOT. The readable form: masks[event.ident] |= mask_of(event).
        # Measured by tests/microbench/test_backends_bench.py.
        read_filter, failed = self._kernel.KQ_FILTER_READ, self._kernel.KQ_EV_ERROR
        masks: dict[int, int] = {}
        for event in self._control(None, _MAX_EVENTS, timeout):
            fd = event.ident
            mask = READ if event.filter == read_filter else WRITE
            if event.fflags or event.flags & failed:
                mask |= ERROR
            masks[fd] = masks.get(fd, 0) | mask
        return list(masks.items())

    def close(self) -> None:
        self._interest.clear()
        self._queue.close()

    def _changes(self, fd: int, mask: int, action: int) -> list[Any]:
        filters = ((READ, self._kernel.KQ_FILTER_READ), (WRITE, self._kernel.KQ_FILTER_WRITE))
        return [self._kernel.kevent(fd, which, action) for bit, which in filters if mask & bit]

    def _add(self, fd: int, mask: int) -> None:
        """Add the filters of ``mask``: all of them, or none that was not there before."""
        try:
            self._control(self._changes(fd, mask, self._kernel.KQ_EV_ADD), 0, 0)
        except OSError:
            self._delete(fd, mask & ~self._interest.get(fd, 0))
            raise

    def _delete(self, fd: int, mask: int) -> None:
        """Delete the filters of ``mask``, each by its own call: a missing one must not save the next."""
        for change in self._changes(fd, mask, self._kernel.KQ_EV_DELETE):
            try:
                self._control([change], 0, 0)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
