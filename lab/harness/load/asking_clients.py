"""Clients that ask and wait for the reply: the engine of echo, http and whatever has one reply a request.

Rules, beside those of the contract
- A connection sends its next request only when the reply to the last has come back whole.
- A request's time runs from just before its ``send`` to just after the ``recv`` that completes its reply. The
  clock is read once a request: the end of one is the beginning of the next on that connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import Exchanged, WaitingClients
from lab.harness.load.connecting import Address
from lab.harness.load.verified_connections import VerifiedConnections
from lab.workloads.clients import Asking
from lab.workloads.readiness import READ

if TYPE_CHECKING:
    from lab.workloads.contract import Wire


class AskingClients(WaitingClients):
    """Connections to one server, and the exchange of messages over some of them."""

    def __init__(self, address: Address, wire: Wire, described: Asking, seed: int) -> None:
        super().__init__()
        self.connections = VerifiedConnections(address, wire, described, seed)

    def connect(self) -> list[int]:
        """Connect all, as `connect_some`; return the descriptors in order of connecting."""
        while self.connect_some():
            pass
        return self.connections.all

    # HOT: the load's own cost per request bounds what it can ask of a server. It stands for
    #   for fd, mask in poll(): self.finish(fd); self.start(fd)
    # with bound methods kept by descriptor, and one clock reading a request.
    def exchange(self, fds: Sequence[int], seconds: float) -> Exchanged:
        """Ask over ``fds`` for ``seconds``, at least once each, and drain; raises `ReplyError`."""
        connections, latencies_ns = self.connections, self.latencies_ns
        receive, send, rotation = connections.receive, connections.send, connections.rotation
        expected, buffer, clock = connections.expected, connections.buffer, perf_counter_ns
        poll, asked, size = self.awake(connections.readiness.poll), connections.asked, connections.size
        count, room, outstanding, sent_ns = 0, len(latencies_ns), len(fds), [0] * len(expected)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for fd in fds:
            request, expected[fd] = next(rotation[fd])
            sent_ns[fd] = clock()
            if (sent := send[fd](request)) != asked:
                connections.keep_rest(fd, request, sent)
        while outstanding:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, mask in events:
                if mask != READ:
                    connections.send_rest(fd, mask)
                    continue
                if (received := receive[fd](buffer)) != size and not connections.complete(fd, received):
                    continue
                now = clock()
                if buffer != expected[fd]:
                    raise connections.wrong_reply(fd)
                latencies_ns[count] = now - sent_ns[fd]
                count += 1
                if now >= end:
                    expected[fd] = None
                    outstanding -= 1
                    continue
                request, expected[fd] = next(rotation[fd])
                sent_ns[fd] = now
                if (sent := send[fd](request)) != asked:
                    connections.keep_rest(fd, request, sent)
        connections.check_drained()
        return Exchanged(count, now - start)
