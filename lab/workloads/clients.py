"""What the load is to be for a served workload: one description for each kind of client.

Plain numbers and names, since a description crosses a pipe as JSON. `lab.harness.load.client_kinds` has the
engine of each kind. Imported by the load process, so nothing here needs asyncio.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self


@dataclass(frozen=True)
class Clients:
    """What all kinds have in common."""

    kind: ClassVar[str]
    divisible: ClassVar[tuple[str, ...]] = ("connections",)
    """The fields of which each of several load processes gets a share, ``connections`` first. None: a kind
    whose clients depend on one another, so that one process must play them all."""
    connections: int
    """Sockets that the load has open at once."""
    first: int = field(default=0, kw_only=True)
    """The number of the first of these connections among those of all load processes."""

    def divided(self, processes: int) -> list[Self]:
        """The same load for at most ``processes`` processes, as even as can be; each has a share of all that
        is divisible, so there are no more than the smallest of it allows."""
        if not self.divisible:
            return [self]
        totals = {name: getattr(self, name) for name in self.divisible}
        parts: list[Self] = []
        first, count = self.first, min(processes, *totals.values())
        for number in range(count):
            mine = {name: total // count + (number < total % count) for name, total in totals.items()}
            parts.append(replace(self, first=first, **mine))
            first += mine["connections"]
        return parts


@dataclass(frozen=True)
class Asking(Clients):
    """Closed-loop: a connection sends a request, and the next when its whole reply has come."""

    kind = "asking"
    divisible = ("connections", "active")
    active: int
    """Connections that always have one request on the way; the others are held open and silent."""
    payload_bytes: int
    """What the exchange makes a request and its reply of."""
    exchange: str = "echo"
    """A name in `lab.workloads.exchanges.EXCHANGES`."""
    receive_buffer_bytes: int | None = None
    """What the kernel may keep for a connection that the load has not read yet; None: its own choice."""


@dataclass(frozen=True)
class Offering(Asking):
    """Open-loop: the same requests and replies, but sent when a schedule says so. One that is due while all
    active connections wait for a reply is sent as soon as one is free."""

    kind = "offering"
    divisible = ("connections", "active", "rate_per_s")
    rate_per_s: int = field(kw_only=True)
    """Requests offered in a second."""


@dataclass(frozen=True)
class Requesting(Clients):
    """Closed-loop GET requests to somebody's own HTTP server, whose replies are not known beforehand."""

    kind = "requesting"
    path: str
    body: str
    """As `ProgramRecord.body`."""


@dataclass(frozen=True)
class OfferingRequests(Requesting):
    """Open-loop: the same, but sent as those of `Offering`."""

    kind = "offering-requests"
    divisible = ("connections", "rate_per_s")
    rate_per_s: int = field(kw_only=True)


@dataclass(frozen=True)
class Pipelining(Clients):
    """Each connection sends ``depth`` messages at once, and the next when all have come back, in order."""

    kind = "pipelining"
    depth: int
    message_bytes: int


@dataclass(frozen=True)
class Churning(Clients):
    """A new connection for each exchange, ``connections`` of them at once. The server closes."""

    kind = "churning"
    message_bytes: int


@dataclass(frozen=True)
class Datagrams(Clients):
    """Each socket has one datagram on the way, and sends another when its reply has come or is lost."""

    kind = "datagrams"
    message_bytes: int


@dataclass(frozen=True)
class Publishing(Clients):
    """One connection publishes to all others, which subscribe; the next message when all have the last. Only
    a process that has all of them knows when that is."""

    kind = "publishing"
    divisible = ()
    message_bytes: int


@dataclass(frozen=True)
class Mixing(Clients):
    """Small requests on most connections, large replies on ``bulk`` of them: one for ``every`` small ones,
    for which one process must count them all."""

    kind = "mixing"
    divisible = ()
    bulk: int
    every: int
    message_bytes: int
    bulk_bytes: int
    receive_buffer_bytes: int
    """As of `Asking`, for the bulk connections."""

    @property
    def small(self) -> int:
        """The other connections."""
        return self.connections - self.bulk
