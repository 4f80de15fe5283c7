"""What a message costs from protocol to protocol, with asyncio and uvloop beside it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.microbench.test_loop_bench import (
    MESSAGE,
    STEPS,
    Benchmark,
    libuv_has_its_signal_pipe,
    loop,
    pair,
)

__all__ = ["libuv_has_its_signal_pipe", "loop", "pair"]


class Echo(asyncio.Protocol):
    """Sends back what comes, `left` times; then it stops the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.left = STEPS

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.left -= 1
        if self.left:
            self.transport.write(data)
        else:
            self.loop.stop()


@pytest.mark.benchmark(group="echo by protocols")
def test_echo(
    benchmark: Benchmark, loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Both ends are protocols of one loop: the message goes to and fro until one has had it often enough."""

    async def connect() -> list[tuple[Any, Echo]]:
        return [await loop.connect_accepted_socket(lambda: Echo(loop), sock) for sock in pair]

    connected = loop.run_until_complete(connect())

    def echo() -> int:
        for _, protocol in connected:
            protocol.left = STEPS
        connected[0][0].write(MESSAGE)
        loop.run_forever()
        return STEPS - min(protocol.left for _, protocol in connected)

    try:
        assert benchmark(echo) == STEPS
    finally:
        for transport, _ in connected:
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0))
