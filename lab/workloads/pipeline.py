"""``pipeline``: several messages on the way on each connection, as Redis clients and HTTP/1.1 pipelining do.

A server that finds more than one message in a read answers them with one write, so its calls are shared out
over the messages. What is left is what a loop costs for each byte and each read, and how well it keeps up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from lab.workloads.clients import Pipelining
from lab.workloads.contract import Parameter, Values
from lab.workloads.echo_server import serve_echo_by_hand
from lab.workloads.echo_transports import EchoProtocol
from lab.workloads.protocol_workload import ProtocolWorkload


class Pipeline(ProtocolWorkload):
    """Echo on a protocol, with ``depth`` messages on the way on each connection."""

    name = "pipeline"
    title = "Pipelined echo"
    question = "What does a request cost when clients do not wait for the reply to the last?"
    unit = "request"
    latency = "round trip"
    parameters = (
        Parameter("connections", 16, 1, "connections"),
        Parameter("depth", 16, 1, "messages on the way on each connection", 256),
        Parameter("size", 128, 1, "bytes in a message", 65_536),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return EchoProtocol

    def serve_by_hand(self, listener: socket.socket) -> None:
        serve_echo_by_hand(listener)

    def clients(self, values: Values) -> Pipelining:
        return Pipelining(values["connections"], depth=values["depth"], message_bytes=values["size"])

    def titled(self, values: Values) -> str:
        return f"{super().titled(values)}, {values['depth']:,} on the way"

    def labels(self, values: Values) -> tuple[str, ...]:
        return super().labels(values) if values["depth"] == 1 else ()
