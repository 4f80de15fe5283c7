"""The protocols of the served workloads."""

from __future__ import annotations

import asyncio

import pytest

from lab.workloads.bulk import BulkDownload, BulkUpload
from lab.workloads.churn import OneLine
from lab.workloads.exchanges import EXCHANGES, LENGTH, PUBLISH, SUBSCRIBE
from lab.workloads.fanout import Fanout
from lab.workloads.http_keep_alive import Http
from lab.workloads.pipeline import Pipeline
from lab.workloads.protocol_workload import ProtocolWorkload
from lab.workloads.split_writes import SplitWrites

PAYLOAD = bytes(range(256)) * 3


class Written:
    """A transport that keeps what is written, and takes it all."""

    def __init__(self) -> None:
        self.data = b""
        self.writes = 0
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.data += data
        self.writes += 1

    def close(self) -> None:
        self.closed = True


def connected(protocol: asyncio.Protocol) -> tuple[asyncio.Protocol, Written]:
    transport = Written()
    protocol.connection_made(transport)
    return protocol, transport


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "work", [Http(), SplitWrites(), BulkDownload(), BulkUpload()], ids=lambda work: work.name
)
def test_requests_are_understood_in_whatever_pieces_they_come(work: ProtocolWorkload, piece: int) -> None:
    described = work.clients({"connections": 1, "size": len(PAYLOAD)})
    exchanges = [EXCHANGES[described.exchange](payload) for payload in (PAYLOAD, PAYLOAD[::-1])]
    stream = b"".join(request for request, _reply in exchanges)
    protocol, transport = connected(work.protocols()())
    for at in range(0, len(stream), piece):
        protocol.data_received(stream[at : at + piece])
    assert transport.data == b"".join(reply for _request, reply in exchanges)
    assert not transport.closed


def test_a_request_that_wants_it_gets_its_connection_closed() -> None:
    request, reply = EXCHANGES["http"](PAYLOAD)
    protocol, transport = connected(Http().protocols()())
    protocol.data_received(request.replace(b"keep-alive", b"close"))
    assert (transport.data, transport.closed) == (reply, True)


def test_a_line_is_echoed_when_it_is_whole_and_then_the_connection_closed() -> None:
    protocol, transport = connected(OneLine())
    protocol.data_received(b"half a")
    assert (transport.data, transport.closed) == (b"", False)
    protocol.data_received(b" line\n")
    assert (transport.data, transport.closed) == (b"half a line\n", True)


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_each_message_of_a_pipeline_is_answered_by_itself(piece: int) -> None:
    stream = b"".join(LENGTH.pack(size) + PAYLOAD[:size] for size in (5, 1, 300))
    protocol, transport = connected(Pipeline().protocols()())
    for at in range(0, len(stream), piece):
        protocol.data_received(stream[at : at + piece])
    assert transport.data == stream
    assert transport.writes == 3


def test_a_message_reaches_every_subscriber_and_none_that_has_gone() -> None:
    make = Fanout().protocols()
    (stays, first), (goes, second), (publisher, own) = (connected(make()) for _ in range(3))
    for each in (stays, goes):
        each.data_received(SUBSCRIBE)
    message = LENGTH.pack(5) + b"hello"
    publisher.data_received(PUBLISH + message + message[:3])
    goes.connection_lost(None)
    publisher.data_received(message[3:])
    assert first.data == SUBSCRIBE + message + message
    assert second.data == SUBSCRIBE + message
    assert own.data == PUBLISH
