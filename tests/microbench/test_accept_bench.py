"""What a server pays for a connection until ``connection_made``, with asyncio and uvloop beside it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.microbench.test_loop_bench import SUBJECTS, Benchmark, libuv_has_its_signal_pipe, new_loop

__all__ = ["libuv_has_its_signal_pipe"]

CROWD = 100
"""Connections that wait to be accepted; asyncio takes no more than its backlog at a time."""


class Guest(asyncio.Protocol):
    """Counts those who came in; the last of `CROWD` stops the loop."""

    inside: list[asyncio.Transport] = []  # noqa: RUF012 -- one list for all is the point

    def connection_made(self, transport: Any) -> None:
        Guest.inside.append(transport)
        if len(Guest.inside) == CROWD:
            asyncio.get_running_loop().stop()


@pytest.fixture(params=SUBJECTS)
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    with contextlib.closing(new_loop(request.param)) as opened:
        yield opened


@pytest.mark.benchmark(group="accepting 100 connections")
def test_accept(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    server = loop.run_until_complete(loop.create_server(Guest, "127.0.0.1", 0, backlog=CROWD))
    address = server.sockets[0].getsockname()
    clients: list[socket.socket] = []

    def leave() -> None:
        for transport in Guest.inside:
            transport.abort()
        for sock in clients:
            sock.close()
        Guest.inside.clear()
        clients.clear()
        loop.run_until_complete(asyncio.sleep(0.0))
        loop.run_until_complete(asyncio.sleep(0.0))

    def come() -> None:
        leave()
        clients.extend(socket.create_connection(address) for _ in range(CROWD))

    def accept() -> int:
        loop.run_forever()
        return len(Guest.inside)

    try:
        assert benchmark.pedantic(accept, setup=come, rounds=30 if benchmark.enabled else 1) == CROWD
    finally:
        leave()
        server.close()
        loop.run_until_complete(server.wait_closed())
