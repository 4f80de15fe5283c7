"""A stand-in for what the `select` module has of kqueue, where there is none: kqueue's rules, real readiness.

It keeps the documented semantics (kqueue(2)): an entry for each (ident, filter), changes before events,
EV_ERROR entries while there is room and an exception otherwise, EV_EOF with the socket's error in ``fflags``,
entries that go with their descriptor, reported ones to the end of the queue. Whether a descriptor is ready is
asked of poll(2), so the very contract test that real backends pass runs against it.

Two things it cannot see: which error is pending (poll tells that one is), and a number that was closed and
made again from a duplicate of the same file between two calls.
"""

import errno
import os
import select
import stat
from collections.abc import Iterable
from dataclasses import dataclass

KQ_FILTER_READ = -1
KQ_FILTER_WRITE = -2
KQ_EV_ADD = 0x0001
KQ_EV_DELETE = 0x0002
KQ_EV_ERROR = 0x4000
KQ_EV_EOF = 0x8000

_PEER_SHUT = getattr(select, "POLLRDHUP", 0)


@dataclass
class kevent:
    """The C type's positional arguments and attributes."""

    ident: int
    filter: int = KQ_FILTER_READ
    flags: int = KQ_EV_ADD
    fflags: int = 0
    data: int = 0
    udata: int = 0


class kqueue:
    def __init__(self) -> None:
        self.closed = False
        self._entries: dict[tuple[int, int], tuple[int, int]] = {}  # (ident, filter) -> (device, inode)

    def close(self) -> None:
        self.closed = True
        self._entries.clear()

    def control(
        self, changelist: Iterable[kevent] | None, max_events: int, timeout: float | None = None
    ) -> list[kevent]:
        if self.closed:
            raise ValueError("I/O operation on closed kqueue object")
        if max_events < 0:
            raise ValueError(f"Length of eventlist must be 0 or positive, got {max_events}")
        if timeout is not None and timeout < 0:
            raise ValueError("timeout must be positive or None")
        self._drop_closed()
        failures = self._apply(changelist or (), max_events)
        if failures or max_events == 0:
            return failures
        return self._collect(max_events, timeout)

    def _apply(self, changelist: Iterable[kevent], room: int) -> list[kevent]:
        failures: list[kevent] = []
        for change in changelist:
            error = self._change(change)
            if error and len(failures) == room:
                raise OSError(error, os.strerror(error))
            if error:
                failures.append(kevent(change.ident, change.filter, KQ_EV_ERROR, data=error))
        return failures

    def _change(self, change: kevent) -> int:
        """Make one change; return an errno, or 0."""
        key = (change.ident, change.filter)
        identity = _identity(change.ident)
        if identity is None:
            return errno.EBADF
        if change.flags == KQ_EV_ADD:
            self._entries[key] = identity
            return 0
        if change.flags == KQ_EV_DELETE:
            return 0 if self._entries.pop(key, None) else errno.ENOENT
        raise NotImplementedError(f"this fake knows EV_ADD and EV_DELETE; got flags {change.flags:#x}")

    def _drop_closed(self) -> None:
        for key, identity in tuple(self._entries.items()):
            if _identity(key[0]) != identity:
                del self._entries[key]

    def _collect(self, max_events: int, timeout: float | None) -> list[kevent]:
        poll = select.poll()
        interest: dict[int, int] = {}
        for fd, which in self._entries:
            wanted = select.POLLIN | _PEER_SHUT if which == KQ_FILTER_READ else select.POLLOUT
            interest[fd] = interest.get(fd, 0) | wanted
            poll.register(fd, interest[fd])
        ready = dict(poll.poll(None if timeout is None else timeout * 1000))
        events = [
            event for fd, which in self._entries if (event := _event(fd, which, ready.get(fd, 0))) is not None
        ][:max_events]
        for event in events:
            self._entries[event.ident, event.filter] = self._entries.pop((event.ident, event.filter))
        return events


def _identity(fd: int) -> tuple[int, int] | None:
    """Return what file ``fd`` names, or None if it is closed."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _event(fd: int, which: int, mask: int) -> kevent | None:
    """Return what the filter reports when poll reports ``mask``, or None."""
    wanted = select.POLLIN if which == KQ_FILTER_READ else select.POLLOUT
    ends = select.POLLHUP | select.POLLERR | (_PEER_SHUT if which == KQ_FILTER_READ else 0)
    if not mask & (wanted | ends):
        return None
    flags = KQ_EV_EOF if mask & ends else 0
    failed = mask & select.POLLERR and stat.S_ISSOCK(os.fstat(fd).st_mode)
    return kevent(fd, which, flags, fflags=errno.ECONNRESET if failed else 0)
