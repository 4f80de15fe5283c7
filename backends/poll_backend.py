"""poll(2): the caller hands over the whole interest set, the kernel walks all of it, every time.

In short
- Asks: which of these descriptors are ready, and for what? An array of the whole interest set, an entry for
  each descriptor, goes in with every call.
- Costs: O(interest set) a call, in the kernel and in CPython, whose poll object also rebuilds its array in
  the first poll after any change. A change costs no system call.
- Limits: none on a descriptor's number; as many as the process may have open.
- Trigger: level only.
- Exists: everywhere but Windows.

Facts about poll
- The array is rebuilt by ``update_ufd_array`` in Modules/selectmodule.c.
- EINVAL if there are more entries than RLIMIT_NOFILE; as they are distinct open descriptors, that takes a
  limit lowered at run time.
- ERR, HUP and NVAL come without being asked for. HUP: both directions are shut, or a stream socket is not
  connected yet (Linux: OUT and HUP); a pipe's reader gets HUP, on Linux alone and without IN, when the last
  writer is gone. ERR: an error is pending, or a pipe's last reader is gone. NVAL: the number is not open,
  and comes again in every call.
- It knows numbers, not files: duplicates do not matter, and a number that was closed and reused reports the
  new file under the old interest.
- The timeout is in whole milliseconds in a C int; negative is forever. CPython takes a float of
  milliseconds and rounds up (_PyTime_ROUND_TIMEOUT; https://bugs.python.org/issue20452).
- EINTR: CPython runs the Python signal handlers and polls again for what is left of the time (PEP 475).
- macOS builds it on kqueue: HUP stands for EV_EOF, so it comes with IN when the peer has only half-closed,
  and comes instead of OUT and ERR when nothing can be sent any more (``poll_callback`` in xnu's
  sys_generic.c). NVAL also stands for devices that it cannot watch, such as /dev/tty (poll(2), BUGS). It
  was broken in 10.12 (https://daniel.haxx.se/blog/2016/10/11/poll-on-mac-10-12-is-broken/); CPython tries
  it when the module is loaded and takes `select.poll` away where it is (``select_have_broken_poll``).

What this means here
- A NVAL entry is dropped from the interest set in the wait that reports it: once is enough, and the loop
  would spin on it otherwise.
"""

from __future__ import annotations

import select
from collections.abc import Mapping, Sequence

from backends.contract import (
    INVALID,
    Backend,
    BackendUnavailableError,
    Event,
    checked_mask,
    checked_new,
)


class PollBackend(Backend):
    """Level-triggered poll."""

    name = "poll"

    def __init__(self) -> None:
        if not hasattr(select, "poll"):
            raise BackendUnavailableError("this Python has no select.poll; use select")
        self._interest: dict[int, int] = {}
        self._poll = select.poll()

    @property
    def interest(self) -> Mapping[int, int]:
        return self._interest

    def register(self, fd: int, mask: int) -> None:
        checked_new(fd, self._interest)
        self._poll.register(fd, checked_mask(mask))
        self._interest[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self._interest:
            raise KeyError(fd)
        self._poll.modify(fd, checked_mask(mask))
        self._interest[fd] = mask

    def unregister(self, fd: int) -> None:
        del self._interest[fd]
        self._poll.unregister(fd)

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        # HOT, and nothing to inline: this is the readable form. Looking for INVALID is 20 ns an event.
        events = self._poll.poll(None if timeout is None else timeout * 1000)
        for fd, mask in events:
            if mask & INVALID:
                self.unregister(fd)
        return events

    def close(self) -> None:
        self._interest.clear()
        self._poll = select.poll()
