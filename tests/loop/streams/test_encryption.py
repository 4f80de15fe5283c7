"""What encryption costs beside OpenSSL's own work: no read that must fail, no buffer that is kept."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from lab.loop.encryption import TlsProtocol
from lab.loop.loop import Loop
from lab.loop.readiness import SMALLEST_READ
from tests.loop.conftest import Run
from tests.loop.recording import StreamRecorder
from tests.loop.streams.certificates import contexts
from tests.loop.streams.streaming import Into, serving


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def test_a_message_is_read_without_a_read_that_must_fail(
    loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = contexts()
    failed = 0

    class Counting(ssl.SSLObject):
        def read(self, *args: Any) -> Any:
            nonlocal failed
            try:
                return super().read(*args)
            except ssl.SSLWantReadError:
                failed += 1
                raise

    monkeypatch.setattr(tls.client, "sslobject_class", Counting)

    async def main() -> list[int]:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            counts = []
            for kind in (StreamRecorder, Into):
                transport, protocol = await loop.create_connection(kind, *address, ssl=tls.client)
                transport.write(b"behind what the handshake has left")
                await protocol.log.until(bool)
                counts.append(failed)
                for _ in range(10):
                    protocol.log.clear()
                    transport.write(b"message")
                    await protocol.log.until(bool)
                counts.append(failed)
                transport.abort()
                await protocol.log.until_lost()
            return counts

    first, after_ten, other_first, after_another_ten = run(main())
    assert first > 0, "the count counts"
    assert (after_ten, after_another_ten) == (first, other_first)


def test_a_connection_keeps_no_buffer_to_be_read_into(loop: Loop, run: Run) -> None:
    tls = contexts()

    async def main() -> int:
        async with serving(loop, Echo, ssl=tls.server) as (_, address):
            transport, protocol = await loop.create_connection(StreamRecorder, *address, ssl=tls.client)
            data = bytes(4 * SMALLEST_READ)
            transport.write(data)
            await protocol.log.until(lambda _: len(protocol.data) == len(data))
            between = transport._ssl_protocol
            assert isinstance(between, TlsProtocol)
            assert between._transport._read_size == SMALLEST_READ, "nor does its incoming BIO grow"
            transport.abort()
            await protocol.log.until_lost()
            return len(between._ssl_buffer)

    assert run(main()) == 0


def test_its_buffers_are_no_larger_than_a_small_read() -> None:
    assert TlsProtocol.max_size == SMALLEST_READ
