"""The bare readiness call of this system, for code that has no event loop: the floors and the load.

`open_readiness` gives the cheapest mechanism here that scales: epoll (Linux), kqueue (macOS, the BSDs), else
poll. On epoll the object is `select.epoll` itself, so a wait costs no Python frame; the other two are thin
adapters to the same four verbs. Masks are poll(2)'s bits, which epoll shares. Level-triggered throughout.
"""

from __future__ import annotations

import select
from typing import Any, Protocol

READ = 0x001
WRITE = 0x004


class Readiness(Protocol):
    """The verbs of `select.epoll` that are used here."""

    def register(self, fd: int, mask: int, /) -> None: ...
    def modify(self, fd: int, mask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout_s: float | None = None, /) -> list[tuple[int, int]]:
        """Block until something is ready, at most so long (in steps of a millisecond, or finer); return
        (descriptor, mask) pairs."""
        ...

    def close(self) -> None: ...


class PollReadiness:
    """poll(2), where nothing better exists."""

    def __init__(self) -> None:
        poller = select.poll()
        self.register, self.modify, self.unregister = poller.register, poller.modify, poller.unregister
        self._poll = poller.poll

    def poll(self, timeout_s: float | None = None) -> list[tuple[int, int]]:
        """Block until something is ready, or the time is up; return (descriptor, mask) pairs."""
        return self._poll(None if timeout_s is None else timeout_s * 1e3)

    def close(self) -> None:
        """Nothing is held in the kernel."""


class KqueueReadiness:
    """kqueue(2). Read and write are separate filters: one descriptor may come back twice from a wait."""

    MAX_EVENTS = 1024

    def __init__(self, kernel: Any = select) -> None:
        """``kernel`` is what offers kqueue: the `select` module, or a stand-in for it."""
        self._kernel, self._kqueue = kernel, kernel.kqueue()
        self._masks: dict[int, int] = {}
        self._bits = {kernel.KQ_FILTER_READ: READ, kernel.KQ_FILTER_WRITE: WRITE}

    def register(self, fd: int, mask: int) -> None:
        """Watch ``fd`` for ``mask``."""
        self.modify(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        """Watch ``fd`` for ``mask`` instead of what it was watched for; zero watches nothing."""
        kernel, before = self._kernel, self._masks.get(fd, 0)
        changes = [
            kernel.kevent(fd, kind, kernel.KQ_EV_ADD if mask & bit else kernel.KQ_EV_DELETE)
            for kind, bit in self._bits.items()
            if (mask ^ before) & bit
        ]
        if changes:
            self._kqueue.control(changes, 0)
        self._masks[fd] = mask

    def unregister(self, fd: int) -> None:
        """Watch ``fd`` no more."""
        self.modify(fd, 0)
        del self._masks[fd]

    def poll(self, timeout_s: float | None = None) -> list[tuple[int, int]]:
        """Block until something is ready, or the time is up; return (descriptor, mask) pairs."""
        bits, ready = self._bits, self._kqueue.control(None, self.MAX_EVENTS, timeout_s)
        return [(event.ident, bits[event.filter]) for event in ready]

    def close(self) -> None:
        """Give the kernel's queue back."""
        self._kqueue.close()


def open_readiness(kernel: Any = select) -> Readiness:
    """The mechanism of this system, opened; the caller closes it. ``kernel`` as for `KqueueReadiness`."""
    if hasattr(kernel, "epoll"):
        return kernel.epoll()
    if hasattr(kernel, "kqueue"):
        return KqueueReadiness(kernel)
    return PollReadiness()
