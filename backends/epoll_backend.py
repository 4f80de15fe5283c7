"""epoll(7): the interest set lives in the kernel, and a wait costs as much as there is to report.

In short
- Asks: what in the set that you keep is ready? Every change is told once, with `epoll_ctl`; `epoll_wait`
  takes no set, and hands out only what there is to report.
- Costs: a wait is O(ready), however many are watched. A change is O(log n) and a system call of its own.
- Limits: none on a descriptor's number; as many as the process may have open, and the user may watch
  (/proc/sys/fs/epoll/max_user_watches). No regular files and no directories.
- Trigger: level, reported while it lasts (`epoll`); or edge, reported when something new arrives
  (`epoll-et`), and then the caller must drain or re-arm.
- Exists: Linux only.

Facts about epoll
- The key of an entry is (descriptor number, open file). The entry goes when the *file* is released, which
  is when the last duplicate (dup, fork, SCM_RIGHTS) is closed; not when the registered number is. Until
  then events keep coming under the old number, and no call reaches the entry any more, as the number now
  names nothing or another file (epoll(7), questions 6 and 7;
  https://idea.popcount.org/2017-03-20-epoll-is-fundamentally-broken-22/).
- The kernel ORs ERR and HUP into every interest. HUP: both directions are shut, or a stream socket is not
  connected yet (Linux: OUT and HUP); a pipe's reader gets HUP alone, without IN, when the last writer is
  gone. ERR: an error is pending, or a pipe's last reader is gone. RDHUP (the peer shut its writing side)
  comes only if asked for; IN comes with it. There is no NVAL.
- ADD: EEXIST if the same number names the same file and is in already, EPERM for what cannot be polled
  (regular files, directories), ENOSPC above /proc/sys/fs/epoll/max_user_watches, EINVAL for the epoll
  descriptor itself. MOD, DEL: ENOENT if this number and file are not in; EBADF, EPERM, EINVAL as for ADD,
  for MOD and DEL look at what the number names now.
- Edge-triggered (EPOLLET), ADD and MOD report once more if it is ready at that time. Between two waits
  several edges become one.
- More ready descriptors than ``maxevents`` are handed out in turn, so none starves. CPython's default is
  FD_SETSIZE - 1 = 1,023 (Modules/selectmodule.c) in a buffer it allocates for each call; asking for fewer
  was measured and gains nothing.
- `epoll_wait` counts milliseconds in a C int; CPython takes seconds and rounds up (_PyTime_ROUND_CEILING;
  rounding to nearest made asyncio spin: https://bugs.python.org/issue20452). ``None`` and every negative
  timeout wait forever. `epoll_pwait2` (Linux 5.11) takes nanoseconds; CPython does not use it.
- EINTR: CPython runs the Python signal handlers and waits again for what is left of the time (PEP 475).
- A forked child shares the parent's epoll set, not a copy: what one changes changes for both.

What this means here
- `wait` is `epoll.poll` itself: same unit, same rounding, same ``None``, same masks.
- An entry left behind by a closed number with a living duplicate can be dropped only together with the
  whole epoll object: `stray` builds a new one from the interest set, as libev does (ev_epoll.c).
- Closed and reused numbers: `unregister` accepts every answer that says "not that file any more".
  `register` turns EEXIST into MOD: the number was closed, unregistered too late for DEL to reach the entry,
  then made again (dup2) from a duplicate of the same file. `modify` passes ENOENT on: its caller believes
  to hold another file.
- Edge-triggered, RDHUP is asked for: when the data and the end of the stream come in one edge, only RDHUP
  tells that a short read has not drained the socket.
"""

from __future__ import annotations

import errno
import select
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from backends.contract import (
    READ_HANGUP,
    Backend,
    BackendUnavailableError,
    Event,
    checked_mask,
    checked_new,
)

_EPOLLET = 1 << 31
_OTHER_FILE_NOW = frozenset({errno.EBADF, errno.ENOENT, errno.EPERM, errno.EINVAL})
"""What epoll_ctl says when the number was closed since, or names another file now."""


class EpollBackend(Backend):
    """Level-triggered epoll."""

    name = "epoll"
    _flags: ClassVar[int] = 0

    def __init__(self) -> None:
        if not hasattr(select, "epoll"):
            raise BackendUnavailableError("epoll exists on Linux only; use kqueue on macOS and BSD, or poll")
        self._interest: dict[int, int] = {}
        self._suspects: set[int] = set()
        try:
            self._open()
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            raise BackendUnavailableError("this kernel or sandbox has no epoll; use poll") from error

    def _open(self) -> None:
        self._epoll = select.epoll()
        # HOT: the C method itself is this object's `wait`; it replaces the method below, a frame per wait.
        # Measured by tests/microbench/test_backends_bench.py.
        self.wait = self._epoll.poll  # type: ignore[method-assign]

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        return self._epoll.poll(timeout)

    @property
    def interest(self) -> Mapping[int, int]:
        return self._interest

    def register(self, fd: int, mask: int) -> None:
        checked_new(fd, self._interest)
        self._add(fd, checked_mask(mask))
        self._interest[fd] = mask
        self._suspects.discard(fd)

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self._interest:
            raise KeyError(fd)
        self._epoll.modify(fd, checked_mask(mask) | self._flags)
        self._interest[fd] = mask

    def unregister(self, fd: int) -> None:
        del self._interest[fd]
        try:
            self._epoll.unregister(fd)
        except OSError as error:
            if error.errno not in _OTHER_FILE_NOW:
                raise

    def close(self) -> None:
        self._interest.clear()
        self._suspects.clear()
        self._epoll.close()

    def stray(self, fd: int) -> None:
        """Build the kernel's set anew, without ``fd``, if this is its second stray event in a row.

        The first may have been fetched before ``fd`` was unregistered, which is common, and building anew
        costs O(interest set).
        """
        if fd not in self._suspects:
            self._suspects.add(fd)
            return
        self._suspects.clear()
        self._epoll.close()
        self._open()
        for known, mask in self._interest.items():
            try:
                self._add(known, mask)
            except OSError as error:  # closed while registered: its owner has yet to unregister it
                if error.errno not in _OTHER_FILE_NOW:
                    raise

    def _add(self, fd: int, mask: int) -> None:
        try:
            self._epoll.register(fd, mask | self._flags)
        except FileExistsError:
            self._epoll.modify(fd, mask | self._flags)


class EpollEdgeBackend(EpollBackend):
    """Edge-triggered epoll: fewer reports, and the caller must drain or re-arm (`modify`)."""

    name = "epoll-et"
    trigger: ClassVar[Literal["level", "edge"]] = "edge"
    _flags = _EPOLLET | READ_HANGUP
