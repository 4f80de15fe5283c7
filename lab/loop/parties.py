"""Who waits for a descriptor: a table of parties, and beside it a list of what to call.

A party is whatever the loop can tell that a descriptor is ready: a handle made by ``add_reader``, the one
wait of a ``sock_recv``, a transport. It has ``fire`` (it is ready), ``hangup`` (and the peer has hung up),
``lost`` (it was closed, and its number may be another's) and ``owner`` (whose socket it is).

Rule: the dict and the list agree, whatever is set, removed, hidden or shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class AskTheTableError(Exception):
    """A call does not stand in the list of calls: nobody's, or one that must not be called straight away."""


def ask_the_table() -> None:
    """Stand in the list for such a call."""
    raise AskTheTableError


class PartyTable(dict[int, Any]):
    """Descriptor -> the party that waits for it: whatever has ``fire``, ``hangup``, ``lost`` and ``owner``.

    Descriptors are small dense numbers, so each party's ``fire`` is kept by number in a list, ``calls``
    (``ask_the_table``: nobody, or see ``hide``). Looking there takes no hash, no comparison and no attribute,
    and touches a fifth of the memory: that is what an event costs when thousands are registered
    (tests/microbench: ring).
    """

    __slots__ = ("_fresh", "calls")

    def __init__(self, fresh: Mapping[int, int]) -> None:
        """``fresh``: the numbers whose parties must not be called straight from the list."""
        super().__init__()
        self._fresh = fresh
        self.calls: list[Callable[[], object]] = []

    def __setitem__(self, fd: int, party: Any) -> None:
        super().__setitem__(fd, party)
        missing = fd + 1 - len(self.calls)
        if missing > 0:
            self.calls.extend([ask_the_table] * missing)
        self.calls[fd] = ask_the_table if fd in self._fresh else party.fire

    def __delitem__(self, fd: int) -> None:
        super().__delitem__(fd)
        self.calls[fd] = ask_the_table

    def pop(self, fd: int, default: Any = None) -> Any:
        """Remove and return the party of ``fd``; ``default`` if nobody waits for it."""
        if fd not in self:
            return default
        self.calls[fd] = ask_the_table
        return super().pop(fd)

    def clear(self) -> None:
        """Remove all."""
        super().clear()
        self.calls.clear()

    def hide(self, fd: int) -> None:
        """Have the party of ``fd`` looked up in the table, with what is known of its freshness."""
        if fd in self:
            self.calls[fd] = ask_the_table

    def show(self, fd: int) -> None:
        """Have the party of ``fd`` called straight from the list again."""
        party = self.get(fd)
        if party is not None:
            self.calls[fd] = party.fire
