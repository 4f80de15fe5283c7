"""What a readiness backend must do, and what it may declare.

A backend is one mechanism by which the kernel tells which descriptors are ready. It keeps the *interest
set* (descriptor -> event mask) and, in ``wait``, blocks until some of it is ready.

Rules of the contract
- Event masks carry the values of poll(2)'s bits, which epoll shares: what poll and epoll return passes
  through untouched, and that is what makes them fast here.
- ``wait`` may be a plain method or an attribute that holds any callable: the epoll backend hands out
  ``epoll.poll`` itself, so that a wait costs no Python frame. Callers fetch ``backend.wait`` anew for every
  wait and may not keep it: a backend may replace it.
- A backend reports at most one entry for a descriptor in one wait. The bits may include some that nobody
  asked for (``ERROR``, ``HANGUP``, ``INVALID``, ``READ_HANGUP``).
- A descriptor that was closed while registered is not an error. The kernel forgets it (epoll, kqueue), or
  the next wait reports it once with ``INVALID`` and drops it (select, poll). Where the kernel forgot it, it
  stays in ``interest`` until its owner unregisters it.
- ``timeout`` is in seconds; ``None`` waits without limit, zero does not wait. It is rounded *up* to the
  mechanism's resolution: a wait never ends early for lack of resolution, so a timer never spins. The caller
  keeps it between 0 and `LONGEST_TIMEOUT`, since no backend spends a Python frame on checking it: a negative
  one means forever to epoll_wait and is an error to select.
- A signal does not end a wait early (PEP 475): its Python handler runs, and the wait goes on.
"""

from __future__ import annotations

import abc
import select
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

READ = 0x001
"""POLLIN: a read, an accept or the end of the stream can be had without blocking."""
WRITE = 0x004
"""POLLOUT: a write, or the outcome of a connect, can be had without blocking."""
ERROR = 0x008
"""POLLERR: an error is pending; both directions count as ready, the operation reports it."""
HANGUP = 0x010
"""POLLHUP: as a rule both directions are shut; both count as ready. poll_backend.py tells the exceptions."""
INVALID = 0x020
"""POLLNVAL: the descriptor is not open any more. The backend has dropped it."""
READ_HANGUP = 0x2000
"""EPOLLRDHUP: the peer shut its writing side: a matter of reading. Only edge-triggered epoll asks for it."""

BOTH = READ | WRITE

for _bit, _value in {
    "POLLIN": READ,
    "POLLOUT": WRITE,
    "POLLERR": ERROR,
    "POLLHUP": HANGUP,
    "POLLNVAL": INVALID,
}.items():
    if getattr(select, _bit, _value) != _value:  # the same on Linux, macOS and the BSDs; not on AIX
        raise ImportError(
            f"{_bit} should be {_value:#x}, and is {getattr(select, _bit):#x} on this system;"
            " its backends would have to translate the masks, which nobody has written"
        )

LONGEST_TIMEOUT = 24 * 3600.0
"""Seconds; every mechanism can wait this long (epoll and poll count milliseconds in a C int: 24.8 days)."""

Event = tuple[int, int]
"""(descriptor, event mask)"""


class BackendUnavailableError(RuntimeError):
    """This system lacks the mechanism; the message says which, and what to use instead."""


class DescriptorLimitError(ValueError):
    """A descriptor above what the mechanism can watch, such as select's FD_SETSIZE."""


class Backend(abc.ABC):
    """One readiness mechanism behind the contract above. Not thread-safe: the loop's thread owns it.

    Opening it (``__init__``) raises `BackendUnavailableError` where the system lacks the mechanism.
    """

    name: ClassVar[str]
    """The name on the command line."""
    trigger: ClassVar[Literal["level", "edge"]] = "level"
    """``level``: an event is reported while it lasts. ``edge``: once, when it begins."""
    resolution: ClassVar[float] = 0.001
    """The smallest time, in seconds, that a wait can tell apart."""
    max_descriptor: int | None = None
    """The highest descriptor number that can be registered; None: only the process's limit counts."""

    @property
    @abc.abstractmethod
    def interest(self) -> Mapping[int, int]:
        """The interest set: descriptor -> event mask (``READ``, ``WRITE``); always the same mapping."""

    @abc.abstractmethod
    def register(self, fd: int, mask: int) -> None:
        """Add ``fd`` to the interest set.

        Raises `ValueError` if ``fd`` is negative or registered already, or ``mask`` is not made of ``READ``
        and ``WRITE`` or is empty; `DescriptorLimitError` above ``max_descriptor``; `OSError` as the kernel
        says (EBADF: not open; EPERM: epoll does not watch regular files). select and poll tell the kernel
        nothing before the next wait, which then reports a descriptor that is not open as ``INVALID``.
        """

    @abc.abstractmethod
    def modify(self, fd: int, mask: int) -> None:
        """Replace the mask of a registered ``fd``.

        An edge-triggered backend reports ``fd`` once more if it is ready now, even when the mask is the
        same: this is how the loop re-arms. Raises `KeyError` if ``fd`` is not registered, `ValueError` for
        a bad mask, `OSError` as the kernel says (ENOENT, EBADF: closed, perhaps reused, since).
        """

    @abc.abstractmethod
    def unregister(self, fd: int) -> None:
        """Remove ``fd``. Raises `KeyError` if it is not registered; never for one that was closed since."""

    @abc.abstractmethod
    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        """Block until something is ready or ``timeout`` seconds have passed; return what is ready."""

    @abc.abstractmethod
    def close(self) -> None:
        """Give back the kernel's resources. May be called twice; afterwards the interest set is empty."""

    def stray(self, fd: int) -> None:
        """The loop saw an event for ``fd``, which is not registered: make sure it does not keep coming.

        One such event may just have been fetched before ``fd`` was unregistered; nothing comes after it.
        Where they keep coming, the descriptor was closed, but a duplicate keeps the file open. Only a
        mechanism whose interest set lives in the kernel and follows the open file (epoll) can do that.
        """
        return None

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def checked_new(fd: int, interest: Mapping[int, int]) -> int:
    """Return ``fd``; raise `ValueError` if it is negative or in the interest set already."""
    if fd < 0:
        raise ValueError(f"a descriptor is not negative; got {fd!r} (closed sockets have -1)")
    if fd in interest:
        raise ValueError(f"descriptor {fd} is registered already; use modify(), or unregister() it first")
    return fd


def checked_mask(mask: int) -> int:
    """Return ``mask``; raise `ValueError` unless it is READ, WRITE or both."""
    if not mask or mask & ~BOTH:
        raise ValueError(f"an event mask is READ ({READ}), WRITE ({WRITE}) or both; got {mask!r}")
    return mask
