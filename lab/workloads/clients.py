"""What the load process is to be for a served workload: one description for each kind of client.

Plain numbers and names, since a description crosses a pipe as JSON. `lab.harness.client_kinds` has the
engine of each kind. Imported by the load process, so nothing here needs asyncio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Clients:
    """What all kinds have in common."""

    kind: ClassVar[str]
    connections: int
    """Sockets that the load has open at once."""


@dataclass(frozen=True)
class Asking(Clients):
    """Closed-loop: a connection sends a request, and the next when its whole reply has come."""

    kind = "asking"
    active: int
    """Connections that always have one request on the way; the others are held open and silent."""
    payload_bytes: int
    """What the exchange makes a request and its reply of."""
    exchange: str = "echo"
    """A name in `lab.workloads.exchanges.EXCHANGES`."""
    receive_buffer_bytes: int | None = None
    """What the kernel may keep for a connection that the load has not read yet; None: its own choice."""


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
    """One connection publishes to all others, which subscribe; the next message when all have the last."""

    kind = "publishing"
    message_bytes: int


@dataclass(frozen=True)
class Mixing(Clients):
    """Small requests on most connections, large replies on ``bulk`` of them: one for ``every`` small ones."""

    kind = "mixing"
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
