"""One run of an open loop: requests are sent when the schedule says so, whether or not replies have come.

Rules
- A connection has one request under way. A request that is due while none is free waits, first come first
  served, and its time runs on. Connections take turns, as those of independent users do.
- The load never waits for the server before it sends what is due. It looks at the schedule between any two
  replies; towards the next send it watches the clock instead of sleeping, since a wait in the kernel has the
  grain of a millisecond and ends late. That costs its own core only. Where the core is shared with the server
  it sleeps, and is late.
- So its CPU time says nothing of how busy it was: `idle_ns` adds up the turns that had nothing to do.
- After the window nothing new is due. What waits is still sent until `DRAIN_WINDOWS` more windows are over,
  so that an overloaded server cannot make the run endless; all that was sent is waited for.

Every request leaves its raw times; what they mean is made of them after the window (`kept_schedule`). One
clock reading serves the end of a reply and the send that it makes possible.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import Protocol

from lab.workloads.readiness import Readiness

DRAIN_WINDOWS = 1.0
"""How long after the window waiting requests are still sent, in windows."""
SLEEP_NS = 2_000_000
"""Only gaps longer than this are slept through, all but the last millisecond or two."""


class Asked(Protocol):
    """Connections with at most one request under way on each: `verified_connections` has them, for one."""

    readiness: Readiness

    @property
    def active(self) -> list[int]:
        """The descriptors that requests go over."""

    def ask(self, fd: int) -> None:
        """Send the next request over ``fd``."""

    def received(self, fd: int, mask: int) -> bool:
        """Take what ``fd`` is ready for; whether a whole reply has come."""

    def verify(self, fd: int) -> None:
        """Raise `ReplyError` unless that reply is what was asked for."""

    def check_drained(self) -> None:
        """Raise `ReplyError` if a part of a reply was left over."""


class OpenLoop:
    """A schedule, the connections that are free, and the times of every request, from the run's start.

    ``watches``: the core is the load's own, so that it may watch the clock.
    """

    def __init__(
        self,
        connections: Asked,
        due_ns: array[int],
        window_ns: int,
        *,
        watches: bool = True,
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self._connections, self._clock, self._watches = connections, clock, watches
        self._poll = connections.readiness.poll
        self._give_up_ns = round(window_ns * (1 + DRAIN_WINDOWS))
        self._free = deque(connections.active)
        self._freed_ns = dict.fromkeys(self._free, 0)
        self._asked: dict[int, int] = {}
        self._changed_ns = 0
        self.due_ns = due_ns
        """When each request is to be sent."""
        self.sent_ns, self.free_ns, self.done_ns = (array("q", bytes(8 * len(due_ns))) for _ in range(3))
        """When each was sent, when the connection that it went over had become free, when its reply was
        whole. Only the first `sent` entries count."""
        self.sent = 0
        """How many requests were sent."""
        self.idle_ns = 0
        """Time with nothing to send and nothing to receive."""
        self.under_way_ns = 0
        """The number of requests under way, added up over time: divided by a time, its average."""

    def run(self) -> None:
        """Keep the schedule, then drain; raises `ReplyError`."""
        self._start_ns = self._clock()
        while True:
            now = self._now()
            if self._is_due(now):
                self._send(now)
            elif self._asked or self._is_waiting(now):
                self._take(self._wait(now))
            else:
                self._connections.check_drained()
                return

    def _now(self) -> int:
        return self._clock() - self._start_ns

    def _is_waiting(self, now: int) -> bool:
        """Some request of the schedule is still to be sent."""
        return self.sent < len(self.due_ns) and now < self._give_up_ns

    def _is_due(self, now: int) -> bool:
        """The next request is to be sent, and a connection is free for it."""
        return bool(self._free) and self._is_waiting(now) and self.due_ns[self.sent] <= now

    def _send(self, now: int) -> None:
        fd, number = self._free.popleft(), self.sent
        self.sent = number + 1
        self._count(now)
        self._asked[fd] = number
        self.sent_ns[number], self.free_ns[number] = now, self._freed_ns[fd]
        self._connections.ask(fd)

    def _take(self, events: Iterable[tuple[int, int]]) -> None:
        """Receive what has come; send what is due as soon as that frees a connection for it."""
        for fd, mask in events:
            if not self._connections.received(fd, mask):
                continue
            now = self._now()
            self._connections.verify(fd)
            self._finish(fd, now)
            if self._is_due(now):
                self._send(now)

    def _finish(self, fd: int, now: int) -> None:
        self._count(now)
        self.done_ns[self._asked.pop(fd)] = self._freed_ns[fd] = now
        self._free.append(fd)

    def _count(self, now: int) -> None:
        """The number of requests under way is about to change."""
        self.under_way_ns += len(self._asked) * (now - self._changed_ns)
        self._changed_ns = now

    def _wait(self, now: int) -> list[tuple[int, int]]:
        """What is ready; if nothing is, wait for it, but not beyond the next send."""
        if events := self._poll(0):
            return events
        timeout_s = self._timeout_s(now)
        if timeout_s != 0:
            events = self._poll(timeout_s)
        self.idle_ns += self._now() - now
        return events

    def _timeout_s(self, now: int) -> float | None:
        """How long to sleep; None: until a reply comes, since nothing can be sent before one does."""
        if not (self._free and self._is_waiting(now)):
            return None
        gap_ns = self.due_ns[self.sent] - now
        if self._watches:
            return 0 if gap_ns <= SLEEP_NS else (gap_ns // 1_000_000 - 1) / 1e3
        return gap_ns / 1e9
