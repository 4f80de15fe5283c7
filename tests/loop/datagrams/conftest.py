"""An endpoint that closes itself, and what families there are."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.loop.recording import DatagramRecorder


@contextlib.asynccontextmanager
async def endpoint(
    loop: Any, kind: type[DatagramRecorder] = DatagramRecorder, **options: Any
) -> AsyncIterator[Any]:
    """An endpoint's protocol, whose transport is closed at the end."""
    transport, protocol = await loop.create_datagram_endpoint(kind, **options)
    try:
        yield protocol
    finally:
        transport.abort()
        await protocol.log.until_lost()


def skip_without(family: str) -> None:
    if family == "IPv6":
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
        except OSError as error:
            pytest.skip(f"no IPv6 loopback here: {error}")
