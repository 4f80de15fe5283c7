"""The standard library's selectors as backends: what their abstraction costs, and what it cannot tell.

One adapter over SelectSelector, PollSelector, EpollSelector and KqueueSelector. The selector does its own
work untouched; the adapter adds the translation of masks and the contract's rules.

In short
- Asks: what the mechanism below it asks: select, poll, epoll or kqueue, in the selector of that name.
- Costs: the mechanism's, and Python code around each call: in a wait a key is looked up and a mask
  translated for every event, and each change makes a new key.
- Limits: the mechanism's; SelectSelector leaves FD_SETSIZE to its user.
- Trigger: level only, over epoll and kqueue too.
- Exists: everywhere, with a selector for each mechanism of the system. asyncio waits in the best of them,
  `selectors.DefaultSelector`.

Facts about selectors (Lib/selectors.py)
- The facts of each system call are told in its own backend's file; here is what the wrapper makes of them.
- It knows EVENT_READ and EVENT_WRITE and folds all else into them, limited to what was asked for: HUP, ERR
  and NVAL make both directions ready. So neither HANGUP, ERROR nor READ_HANGUP is ever reported here.
- PollSelector folds NVAL too: a descriptor that was closed while registered looks ready in every wait until
  it is unregistered. The caller learns it from its next read or write (EBADF).
- EpollSelector drops events of descriptors that it has no key for. One of a closed descriptor kept open by
  a duplicate ends every `select` at once, with nothing: a spin that nobody is told of. As no more events
  are asked for than there are descriptors, it can even keep out the events of others.
- SelectSelector copies its results into sets, and fails whole with EBADF if one descriptor is closed.
- A failing `modify` forgets the descriptor, and one with the same events tells the kernel nothing.
- Timeouts of poll and epoll are rounded up to the millisecond, once more than the poll object does.

What this means here
- The interest set is the adapter's own, so that it outlives a failed `modify`.
- `selectors-select` finds the closed descriptors and reports them as INVALID, like `select`.
- `selectors-epoll` takes a `select` without timeout that ends with nothing as the sign of that spin,
  returns nothing, and starts over with a new selector. With a timeout it cannot tell; the standard
  library's own loop never can. `stray` does nothing, as no stray event gets this far.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
from collections.abc import Mapping, Sequence
from typing import ClassVar

from backends.contract import (
    BOTH,
    INVALID,
    READ,
    WRITE,
    Backend,
    BackendUnavailableError,
    Event,
    checked_mask,
    checked_new,
)
from backends.select_backend import checked_number, closed_among, highest_descriptor

_EVENTS = {
    READ: selectors.EVENT_READ,
    WRITE: selectors.EVENT_WRITE,
    BOTH: selectors.EVENT_READ | selectors.EVENT_WRITE,
}
_MASKS = (0, READ, WRITE, BOTH)
"""The masks, by the selector's events."""


class SelectorsBackend(Backend):
    """A selector of the standard library behind the contract; a subclass names which."""

    selector_name: ClassVar[str]

    def __init__(self) -> None:
        selector_class = getattr(selectors, self.selector_name, None)
        if selector_class is None:
            raise BackendUnavailableError(f"no selectors.{self.selector_name} here; use selectors-select")
        self._interest: dict[int, int] = {}
        self._selector_class = selector_class
        self._selector: selectors.BaseSelector = selector_class()

    @property
    def interest(self) -> Mapping[int, int]:
        return self._interest

    def register(self, fd: int, mask: int) -> None:
        checked_new(fd, self._interest)
        self._selector.register(fd, _EVENTS[checked_mask(mask)])
        self._interest[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self._interest:
            raise KeyError(fd)
        self._selector.modify(fd, _EVENTS[checked_mask(mask)])
        self._interest[fd] = mask

    def unregister(self, fd: int) -> None:
        del self._interest[fd]
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        # HOT, and nothing to inline: this is the readable form.
        return [(key.fd, _MASKS[events]) for key, events in self._selector.select(timeout)]

    def close(self) -> None:
        self._interest.clear()
        self._selector.close()


class SelectorsSelectBackend(SelectorsBackend):
    """Over `selectors.SelectSelector`, which leaves the limit and the closed descriptors to its user."""

    name = "selectors-select"
    selector_name = "SelectSelector"
    resolution = 1e-6

    def __init__(self) -> None:
        super().__init__()
        self.max_descriptor = highest_descriptor()

    def register(self, fd: int, mask: int) -> None:
        super().register(checked_number(fd), mask)

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        try:
            return super().wait(timeout)
        except OSError as error:
            closed = closed_among(self._interest)
            if error.errno != errno.EBADF or not closed:
                raise
        for fd in closed:
            self.unregister(fd)
        return [(fd, INVALID) for fd in closed]


class SelectorsPollBackend(SelectorsBackend):
    """Over `selectors.PollSelector`."""

    name = "selectors-poll"
    selector_name = "PollSelector"


class SelectorsEpollBackend(SelectorsBackend):
    """Over `selectors.EpollSelector`, with a new one in place of one that cannot be mended."""

    name = "selectors-epoll"
    selector_name = "EpollSelector"

    def register(self, fd: int, mask: int) -> None:
        try:
            super().register(fd, mask)
        except FileExistsError:  # made again from a duplicate; epoll_backend.py tells how
            self._start_over()
            super().register(fd, mask)

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        events = [(key.fd, _MASKS[events]) for key, events in self._selector.select(timeout)]
        if timeout is None and not events:
            self._start_over()
        return events

    def _start_over(self) -> None:
        self._selector.close()
        self._selector = self._selector_class()
        for fd, mask in self._interest.items():
            with contextlib.suppress(OSError):  # closed while registered: its owner has yet to unregister it
                self._selector.register(fd, _EVENTS[mask])


class SelectorsKqueueBackend(SelectorsBackend):
    """Over `selectors.KqueueSelector`."""

    name = "selectors-kqueue"
    selector_name = "KqueueSelector"
    resolution = 1e-6
