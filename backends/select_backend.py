"""select(2): three bit sets of fixed size, copied in and out and walked whole, every time.

In short
- Asks: which of these descriptors are ready? Three bit sets (readable, writable, exceptional) go in with
  every call, and the kernel writes its answer over them.
- Costs: O(highest descriptor) a call in the kernel, O(interest set) in CPython, which turns the lists into
  bit sets and back. A change costs no system call.
- Limits: a descriptor's *number* must be below FD_SETSIZE: 1,024 on Linux, macOS, FreeBSD and OpenBSD, 256
  on NetBSD; fixed when Python was compiled, so raising RLIMIT_NOFILE does not help.
- Trigger: level only.
- Exists: everywhere.

Facts about select
- Above FD_SETSIZE CPython answers ValueError; plain C would write past the set.
- Readable means data, end of the stream, a pending connection or an error; writable likewise: there is no
  HUP and no ERR, the operation tells. The third set is for out-of-band data (POLLPRI), not for errors, on
  Unix.
- A closed descriptor fails the whole call with EBADF, which does not say which one it is.
- It knows numbers, not files: duplicates do not matter, and a number that was closed and reused reports the
  new file under the old interest.
- The timeout is in microseconds; CPython rounds up (_PyTime_ROUND_TIMEOUT) and refuses negative ones.
- EINTR: CPython runs the Python signal handlers and selects again for what is left of the time (PEP 475).
- CPython takes any sequences, and copies what is neither list nor tuple into a list first.

What this means here
- The limit is found by asking CPython, which checks the number before it calls the kernel.
- Two sets follow the changes; the lists made of them are kept until the next change, as CPython would copy
  a set in every wait.
- On EBADF each registered descriptor is tried by itself; the closed ones are dropped and reported as
  INVALID.
"""

from __future__ import annotations

import bisect
import errno
import functools
import os
import select
from collections.abc import Iterable, Mapping, Sequence

from backends.contract import (
    INVALID,
    READ,
    WRITE,
    Backend,
    DescriptorLimitError,
    Event,
    checked_mask,
    checked_new,
)

_ABOVE_ANY_LIMIT = 1 << 20


def _out_of_range(fd: int) -> bool:
    try:
        select.select((fd,), (), (), 0)
    except ValueError:
        return True
    except OSError:  # not open, and within the range
        return False
    return False


@functools.cache
def highest_descriptor() -> int:
    """Return the highest number that `select.select` takes: FD_SETSIZE - 1, as this Python was compiled."""
    return bisect.bisect_left(range(_ABOVE_ANY_LIMIT), True, key=_out_of_range) - 1


def checked_number(fd: int) -> int:
    """Return ``fd``; raise `DescriptorLimitError` if select cannot watch a number as high."""
    if fd > highest_descriptor():
        raise DescriptorLimitError(
            f"select can watch descriptors 0 to {highest_descriptor()} (FD_SETSIZE, fixed when Python was"
            f" compiled); got {fd}. Use another backend (epoll, kqueue or poll), or fewer open files."
        )
    return fd


def closed_among(descriptors: Iterable[int]) -> list[int]:
    """Return those of ``descriptors`` that are not open."""
    return [fd for fd in descriptors if not _is_open(fd)]


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


class SelectBackend(Backend):
    """Level-triggered select."""

    name = "select"
    resolution = 1e-6

    def __init__(self) -> None:
        self.max_descriptor = highest_descriptor()
        self._interest: dict[int, int] = {}
        self._readers: set[int] = set()
        self._writers: set[int] = set()
        self._lists: tuple[list[int], list[int]] | None = None

    @property
    def interest(self) -> Mapping[int, int]:
        return self._interest

    def register(self, fd: int, mask: int) -> None:
        checked_number(checked_new(fd, self._interest))
        self._set_mask(fd, checked_mask(mask))

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self._interest:
            raise KeyError(fd)
        self._set_mask(fd, checked_mask(mask))

    def unregister(self, fd: int) -> None:
        del self._interest[fd]
        self._readers.discard(fd)
        self._writers.discard(fd)
        self._lists = None

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        # HOT. The readable form: collect both lists into a dict, always. Most waits have no writers.
        # Measured by tests/microbench/test_backends_bench.py.
        readers, writers = self._lists or self._build_lists()
        try:
            readable, writable, _ = select.select(readers, writers, (), timeout)
        except OSError as error:
            return self._drop_closed(error)
        if not writable:
            return [(fd, READ) for fd in readable]
        masks = dict.fromkeys(readable, READ)
        for fd in writable:
            masks[fd] = masks.get(fd, 0) | WRITE
        return list(masks.items())

    def close(self) -> None:
        for fd in tuple(self._interest):
            self.unregister(fd)

    def _set_mask(self, fd: int, mask: int) -> None:
        (self._readers.add if mask & READ else self._readers.discard)(fd)
        (self._writers.add if mask & WRITE else self._writers.discard)(fd)
        self._interest[fd] = mask
        self._lists = None

    def _build_lists(self) -> tuple[list[int], list[int]]:
        self._lists = list(self._readers), list(self._writers)
        return self._lists

    def _drop_closed(self, error: OSError) -> list[Event]:
        closed = closed_among(self._interest)
        if error.errno != errno.EBADF or not closed:
            raise error
        for fd in closed:
            self.unregister(fd)
        return [(fd, INVALID) for fd in closed]
