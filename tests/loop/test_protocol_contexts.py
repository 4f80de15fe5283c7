"""In which context a protocol's methods run: in the same as under asyncio."""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run

Seen = list[tuple[str, str]]
PLACE: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")


class Noting(asyncio.Protocol, asyncio.DatagramProtocol):
    """Notes where each of its methods finds itself, and leaves a mark there."""

    def __init__(self, ending: str) -> None:
        self.ending, self.seen = ending, Seen()
        self.over = asyncio.get_running_loop().create_future()

    def note(self, name: str) -> None:
        self.seen.append((name, PLACE.get()))
        PLACE.set(name)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.note("connection_made")
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.note("data_received")
        if self.ending == "by itself":
            self.transport.close()
        elif data == b"last":
            self.over.get_loop().call_soon(self.end_elsewhere)

    def datagram_received(self, data: bytes, _address: Any) -> None:
        self.data_received(data)

    def eof_received(self) -> None:
        self.note("eof_received")

    def connection_lost(self, error: Exception | None) -> None:
        self.note("connection_lost")
        self.over.set_result(None)

    def end_elsewhere(self) -> None:
        PLACE.set("elsewhere")
        self.transport.abort() if self.ending == "by abort" else self.transport.close()


async def over_a_socket(ending: str) -> Seen:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    PLACE.set("creator")
    _, protocol = await asyncio.get_running_loop().create_connection(lambda: Noting(ending), sock=ours)
    with theirs:
        PLACE.set("creator, later")
        theirs.send(b"first")
        while not protocol.seen[1:]:
            await asyncio.sleep(0)
        theirs.shutdown(socket.SHUT_WR) if ending == "by the peer" else theirs.send(b"last")
        await protocol.over
    return protocol.seen


async def over_udp(ending: str) -> Seen:
    loop = asyncio.get_running_loop()
    PLACE.set("creator")
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Noting(ending), local_addr=("127.0.0.1", 0)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        theirs.connect(transport.get_extra_info("sockname"))
        PLACE.set("creator, later")
        theirs.send(b"first")
        while not protocol.seen[1:]:
            await asyncio.sleep(0)
        theirs.send(b"last")
        await protocol.over
    return protocol.seen


async def over_a_pipe(ending: str) -> Seen:
    reading, writing = os.pipe()
    PLACE.set("creator")
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        _, protocol = await asyncio.get_running_loop().connect_read_pipe(lambda: Noting(ending), pipe)
        PLACE.set("creator, later")
        os.write(writing, b"first")
        while not protocol.seen[1:]:
            await asyncio.sleep(0)
        os.close(writing) if ending == "by the peer" else os.write(writing, b"last")
        await protocol.over
    if ending != "by the peer":
        os.close(writing)
    return protocol.seen


@pytest.mark.parametrize(
    ("over", "ending"),
    [
        *((over_a_socket, each) for each in ("elsewhere", "by abort", "by the peer", "by itself")),
        *((over_udp, each) for each in ("elsewhere", "by abort", "by itself")),
        *((over_a_pipe, each) for each in ("elsewhere", "by the peer")),
    ],
)
def test_a_protocol_finds_itself_where_it_does_under_asyncio(
    loop: Loop, run: Run, over: Callable[[str], Coroutine[Any, Any, Seen]], ending: str
) -> None:
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        expected = runner.run(over(ending))
    assert run(over(ending)) == expected
    assert {name for name, _ in expected} >= {"connection_made", "data_received", "connection_lost"}
