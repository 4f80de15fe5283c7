"""``pipeline``: several messages on the way on each connection, as Redis clients and HTTP/1.1 pipelining do.

The server finds several messages in a read and answers each with a write of its own, as servers do that
handle one request after the other. Whether many writes in one callback become one system call is the loop's
choice, and the greatest part of the difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.workloads.clients import Pipelining
from lab.workloads.contract import Parameter, Values
from lab.workloads.exchanges import LENGTH
from lab.workloads.protocol_workload import Holding, ProtocolWorkload


class Pipeline(ProtocolWorkload):
    """``depth`` messages at once on each connection; the next when all have come back."""

    name = "pipeline"
    title = "Pipelined echo"
    question = "What does a request cost when clients do not wait for the reply to the last?"
    unit = "request"
    latency = "round trip"
    parameters = (
        Parameter("connections", 16, 1, "connections"),
        Parameter("depth", 16, 1, "messages on the way on each connection", 256),
        Parameter("size", 128, 1, "bytes in a message", 16_384),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return Frames

    def clients(self, values: Values) -> Pipelining:
        return Pipelining(values["connections"], depth=values["depth"], message_bytes=values["size"])

    def titled(self, values: Values) -> str:
        return f"{super().titled(values)}, {values['depth']:,} on the way"

    def labels(self, values: Values) -> tuple[str, ...]:
        return super().labels(values) if values["depth"] == 1 else ()


class Frames(Holding):
    """Sends back each message, which comes behind its length, with a write of its own."""

    pending = b""

    def data_received(self, data: bytes) -> None:
        data = self.pending + data if self.pending else data
        at = 0
        while len(data) - at >= LENGTH.size:
            end = at + LENGTH.size + LENGTH.unpack_from(data, at)[0]
            if end > len(data):
                break
            self.transport.write(data[at:end])
            at = end
        self.pending = data[at:]
