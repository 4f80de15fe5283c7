"""``fanout``: one publisher, many subscribers: a read, and a write to each of them, as in a chat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.workloads.clients import Publishing
from lab.workloads.contract import Parameter, Values, byte_count
from lab.workloads.echo import PING_PONG
from lab.workloads.exchanges import LENGTH, PUBLISH, SUBSCRIBE
from lab.workloads.protocol_workload import Holding, ProtocolWorkload


class Fanout(ProtocolWorkload):
    """Each message is written to every subscriber; the next is published when all have it."""

    name = "fanout"
    title = "One publisher, many subscribers"
    question = "What does it cost to deliver a message to one more subscriber?"
    unit = "delivery"
    latency = "from publishing to each delivery"
    parameters = (
        Parameter("subscribers", 200, 1, "connections that every message is written to"),
        Parameter("size", 128, 1, "bytes in a message", 16_384),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        subscribers: dict[asyncio.Transport, None] = {}
        return lambda: Party(subscribers)

    def clients(self, values: Values) -> Publishing:
        return Publishing(1 + values["subscribers"], message_bytes=values["size"])

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['subscribers']:,} of them, {byte_count(values['size'])}"

    def labels(self, values: Values) -> tuple[str, ...]:
        return (PING_PONG,) if values["subscribers"] == 1 else ()


class Party(Holding):
    """One connection: a subscriber or a publisher, as its first byte says. The byte is echoed."""

    def __init__(self, subscribers: dict[asyncio.Transport, None]) -> None:
        self.subscribers = subscribers
        """All of this server, in the order in which they came."""
        self.role = b""
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        if not self.role:
            self.role, data = data[:1], data[1:]
            if self.role == SUBSCRIBE:
                self.subscribers[self.transport] = None
            self.transport.write(self.role)
        if self.role == PUBLISH and data:
            self._publish(self.pending + data)

    def _publish(self, data: bytes) -> None:
        """Write every whole message in ``data`` to all subscribers, and keep the rest."""
        while len(data) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(data)[0]
            if len(data) < end:
                break
            message, data = data[:end], data[end:]
            for subscriber in tuple(self.subscribers):  # a write may find that one has gone
                subscriber.write(message)
        self.pending = data

    def connection_lost(self, exc: Exception | None) -> None:
        self.subscribers.pop(self.transport, None)
