"""What every kind of client in the load process must be, and what all of them share.

Rules of the contract
- Bare system calls, no event loop. Closed-loop, but for `open_loop`.
- Every byte that comes is compared with what must come. A wrong or missing one raises `ReplyError`; it is
  never averaged away.
- A run ends drained: nothing is under way between two of them, so what the server used between two
  snapshots belongs to exactly the operations counted.
- Latencies go raw into an array that exists before the window; nothing is made of them in it.
"""

from __future__ import annotations

import abc
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.errors import LabError

CONNECT_BATCH = 100
"""Connects under way at once: below the smallest usual limit on a listener's backlog (128 on macOS), above
which a connect is dropped and tried again a second later."""
ROTATION = 4
"""Different payloads of one connection, used in turn."""
PAYLOAD_BUDGET_BYTES = 64 << 20
"""Memory for payloads. Above it connections far apart share theirs."""
CHUNK = 1 << 18
"""Latencies are kept in an array that has this much room, and grows by as much."""


class ReplyError(LabError):
    """A reply that is wrong, incomplete or unasked for, or a connection that the server closed."""


def unasked(who: str, received: int) -> ReplyError:
    """Bytes that nobody asked for; none at all: the end of the stream."""
    if received:
        return ReplyError(f"{who}: expected silence, got {received:,} bytes that nobody asked for")
    return ReplyError(f"{who}: expected it to stay open, the server closed it")


@dataclass(frozen=True)
class Exchanged:
    """What one run did: operations, and the time from the first send to the last reply."""

    operations: int
    elapsed_ns: int
    lost: int = 0
    """Datagrams that no reply came to in time. They are no operations."""
    busy_ns: int | None = None
    """Time in which there was something to send or to receive; None: the process's CPU time says it."""
    series: dict[str, array[int]] = field(default_factory=dict)
    """Further times beside the latencies, by name, in nanoseconds."""
    schedule: dict[str, int] | None = None
    """Open loops: totals of what became of the schedule (`kept_schedule`)."""


class LoadClients(abc.ABC):
    """Connections to one server, and what goes over them."""

    def __init__(self) -> None:
        self.latencies_ns = array("q", bytes(8 * CHUNK))
        """Of the last run; only the first ``operations`` entries count."""
        self.own_core = True
        """No other process of the sample is on this one's core, so that it may watch the clock."""

    @abc.abstractmethod
    def connect_some(self) -> int:
        """Connect the next batch, and exchange something over each: then the server has accepted it.

        Returns how many it was; 0 when all are connected.
        """

    @abc.abstractmethod
    def run(self, seconds: float) -> Exchanged:
        """Keep the server busy for ``seconds``, at least one operation on each busy connection, and drain."""

    @abc.abstractmethod
    def check_silence(self) -> None:
        """Raise `ReplyError` if the server sent more than it was asked for, or closed what it should not."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close all connections."""

    def _grow(self, events: int) -> int:
        """Make room for ``events`` more latencies; return the room there is now."""
        self.latencies_ns.frombytes(bytes(8 * max(CHUNK, events)))
        return len(self.latencies_ns)


class WaitingClients(LoadClients):
    """Closed-loop clients over ``connections``, which open themselves, check replies and close."""

    connections: Any

    @abc.abstractmethod
    def exchange(self, fds: Sequence[int], seconds: float) -> Exchanged:
        """Ask over ``fds`` for ``seconds``, at least once each, and drain; raises `ReplyError`."""

    def connect_some(self) -> int:
        batch = self.connections.open_some()
        if batch:
            self.exchange(batch, 0.0)
        return len(batch)

    def run(self, seconds: float) -> Exchanged:
        return self.exchange(self.connections.active, seconds)

    def check_silence(self) -> None:
        self.connections.check_silence()

    def close(self) -> None:
        self.connections.close()


def distinct_payloads(connections: int, size: int, seed: int) -> list[bytes]:
    """`ROTATION` payloads of ``size`` bytes for each connection, or for as many as fit into the budget.

    They are windows on one random text, each a byte further on: as good as independent for telling them
    apart, and thousands of connections cost no time to make.
    """
    distinct = max(1, min(connections, PAYLOAD_BUDGET_BYTES // (size * ROTATION)))
    text = random.Random(seed).randbytes(size + distinct * ROTATION)
    return [text[offset : offset + size] for offset in range(distinct * ROTATION)]
