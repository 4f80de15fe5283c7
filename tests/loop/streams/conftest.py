"""Transports that a test need not close: what is left of them is aborted when it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import run_turns

PutOn = Callable[[socket.socket, Any], Awaitable[Any]]


@pytest.fixture
def put_on(loop: Loop) -> Iterator[PutOn]:
    """Serve a connected socket by a protocol, which keeps the transport as ``transport``; the protocol."""
    made: list[asyncio.Transport] = []

    async def put_on(sock: socket.socket, protocol: Any) -> Any:
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock)
        made.append(transport)
        return protocol

    yield put_on
    for transport in made:
        transport.abort()
    run_turns(loop, 2)
