"""What every kind of client in the load process must be, and what all of them share.

Rules of the contract
- Bare system calls, no event loop. Closed-loop, but for `open_loop`.
- Every byte that comes is compared with what must come. A wrong or missing one raises `ReplyError`; it is
  never averaged away.
- A run ends drained: nothing is under way between two of them, so what the server used between two
  snapshots belongs to exactly the operations counted.
- Latencies go raw into an array that exists before the window; nothing is made of them in it.
- On a core of its own a client does not sleep while it waits for a reply, it looks again and again
  (`awake`). Whoever sleeps on the same machine is woken by the server's ``send``, on the server's account, at
  a price that varies with the machine's mood: an interrupt to another core, on a virtual machine an exit to
  the host. No client on another machine costs a server that.
"""

from __future__ import annotations

import abc
import functools
import random
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns, thread_time_ns
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

WATCH_S = 0.1
"""A reply that has not come after so long is waited for in the kernel: a server that hangs costs no core."""

Poll = Callable[[float | None], list[tuple[int, int]]]


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
        """No other process of the sample is on this one's core, so that it may watch clock and sockets."""
        self.idle_ns = 0
        """CPU time spent on looking for replies when there were none, since it was last set to 0."""

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

    def awake(self, poll: Poll, patience_s: float | None = None) -> Callable[[], list[tuple[int, int]]]:
        """A call that waits until something is ready, by ``poll``, which takes how many seconds it may block.

        Where the core is the load's own it blocks only after `WATCH_S` of looking, then for ``patience_s``.
        """
        if not self.own_core:
            return functools.partial(poll, patience_s)
        clock, watch_ns = perf_counter_ns, round(WATCH_S * 1e9)

        def look() -> list[tuple[int, int]]:
            if events := poll(0):
                return events
            used_ns, began_ns = thread_time_ns(), clock()
            while not (events := poll(0)) and clock() - began_ns < watch_ns:
                pass
            self.idle_ns += thread_time_ns() - used_ns
            return events or poll(patience_s)

        return look

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
