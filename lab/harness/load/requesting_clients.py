"""Clients that ask somebody's own HTTP server, whose replies are not known beforehand.

Rules, beside those of the contract
- Every reply is judged by what the first one was (`lab.harness.load.judged_replies`).
- A request's time runs from just before its ``send`` to just after the ``recv`` that completes its reply, as
  with `lab.harness.load.asking_clients`.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import Exchanged, WaitingClients
from lab.harness.load.connecting import Address
from lab.harness.load.requested_connections import RECEIVE_BYTES, RequestedConnections
from lab.workloads.clients import Requesting

if TYPE_CHECKING:
    from lab.workloads.contract import Wire


class RequestingClients(WaitingClients):
    """Connections to one server, and the same request over all of them."""

    def __init__(self, address: Address, wire: Wire, described: Requesting, seed: int) -> None:
        super().__init__()
        self.connections = RequestedConnections(address, wire, described)
        self._sent_ns: dict[int, int] = {}

    # HOT: as `AskingClients.exchange`. It stands for
    #   for fd, mask in poll(): self.connections.take(fd, receive(fd)) and self.ask(fd)
    # with bound methods kept by descriptor, one clock reading a request, and one comparison for most replies.
    def exchange(self, fds: Sequence[int], seconds: float) -> Exchanged:
        """Ask over ``fds`` for ``seconds``, at least once each, and drain; raises `ReplyError`."""
        connections, sent_ns, latencies_ns = self.connections, self._sent_ns, self.latencies_ns
        poll, receive, send = self.awake(connections.readiness.poll), connections.receive, connections.send
        request, replies, clock = connections.request, connections.replies, perf_counter_ns
        last, midway, asked = replies.last, replies.midway, len(request)
        count, room, outstanding = 0, len(latencies_ns), len(fds)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for fd in fds:
            sent_ns[fd] = clock()
            connections.check_sent(fd, send[fd](request))
        while outstanding:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, _mask in events:
                data = receive[fd](RECEIVE_BYTES)
                if data != last or fd in midway:
                    if not connections.take(fd, data):
                        continue
                    last = replies.last
                now = clock()
                if fd not in sent_ns:
                    raise connections.unasked(fd, len(data))
                latencies_ns[count] = now - sent_ns[fd]
                count += 1
                if now >= end:
                    del sent_ns[fd]
                    outstanding -= 1
                    continue
                sent_ns[fd] = now
                if (sent := send[fd](request)) != asked:
                    connections.check_sent(fd, sent)
        connections.check_drained()
        return Exchanged(count, now - start)
