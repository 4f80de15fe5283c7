"""``split-writes``: a reply in two writes, head and body, as many servers make them.

What a loop does with two writes from one callback is its own choice: two system calls, or one for both at the
end of the turn. With Nagle's algorithm on, the second would wait for an acknowledgement; all loops here turn
it off for their transports, and the latency shows it if one does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.workloads.clients import Asking
from lab.workloads.contract import Parameter, Values
from lab.workloads.exchanges import BODY_BYTES_MAX, ORDER, body
from lab.workloads.protocol_workload import Holding, ProtocolWorkload


class SplitWrites(ProtocolWorkload):
    """Small requests, each answered by a head and a body in a write each."""

    name = "split-writes"
    title = "Replies in two writes"
    question = "What does a request cost whose reply is written as a head and a body?"
    unit = "request"
    parameters = (
        Parameter("connections", 64, 1, "connections, each with one request on the way"),
        Parameter("size", 1024, 1, "bytes in a reply's body", BODY_BYTES_MAX),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return HeadAndBody

    def clients(self, values: Values) -> Asking:
        connections = values["connections"]
        return Asking(connections, active=connections, payload_bytes=values["size"], exchange="ordered")


class Orders(Holding):
    """Takes orders out of what comes, whole ones only, and has `deliver` answer each."""

    pending = b""

    def data_received(self, data: bytes) -> None:
        data = self.pending + data if self.pending else data
        whole = len(data) - len(data) % ORDER.size
        self.pending = data[whole:]
        for at in range(0, whole, ORDER.size):
            self.deliver(data[at : at + ORDER.size])

    def deliver(self, order: bytes) -> None:
        """Answer ``order``, which is also the head of the reply."""
        raise NotImplementedError


class HeadAndBody(Orders):
    """Delivers in two writes."""

    def deliver(self, order: bytes) -> None:
        size, offset, _token = ORDER.unpack(order)
        self.transport.write(order)
        self.transport.write(body(size, offset))
