"""``churn``: a connection for each exchange: accept, a transport, a protocol, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.workloads.clients import Churning
from lab.workloads.contract import Parameter, Values, byte_count
from lab.workloads.protocol_workload import Holding, ProtocolWorkload


class Churn(ProtocolWorkload):
    """Connect, send a line, get it back, and see the server close."""

    name = "churn"
    title = "Connections come and go"
    question = "What does a connection cost that serves one request only?"
    unit = "connection"
    latency = "from connect to the end of the stream"
    parameters = (
        Parameter("connections", 32, 1, "connections that are open at once", 100),
        Parameter("size", 128, 1, "bytes in the line that is echoed", 4096),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return OneLine

    def clients(self, values: Values) -> Churning:
        return Churning(values["connections"], message_bytes=values["size"])

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['connections']:,} at once, {byte_count(values['size'])}"


class OneLine(Holding):
    """Echoes one line and closes."""

    line = b""

    def data_received(self, data: bytes) -> None:
        self.line += data
        if self.line.endswith(b"\n"):
            self.transport.write(self.line)
            self.transport.close()
