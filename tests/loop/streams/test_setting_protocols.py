"""Whom a transport gives what it reads: the protocol that was set last, and which of its methods."""

from __future__ import annotations

from typing import Any

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import Into, all_of


def test_the_protocol_can_be_changed_at_any_time(loop: Loop, run: Run, put_on: PutOn, pair: Pair) -> None:
    async def main() -> list[bytes]:
        here, there = pair
        first, second, third = StreamRecorder(), Into(), StreamRecorder()
        transport = (await put_on(here, first)).transport
        assert transport.get_protocol() is first
        for protocol, data in ((first, b"one"), (second, b"two"), (third, b"three")):
            transport.set_protocol(protocol)
            assert transport.get_protocol() is protocol
            await loop.sock_sendall(there, data)
            await protocol.log.until(bool)
            await protocol.log.until(lambda _, p=protocol, data=data: bytes(p.data) == data)
        transport.close()
        await third.log.until_lost()
        assert transport.get_protocol() is None
        return [first.data, bytes(second.data), third.data]

    assert run(main()) == [b"one", b"two", b"three"]


def test_a_method_that_is_replaced_in_mid_stream_is_taken_up_by_setting_the_protocol_again(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair
) -> None:
    async def main() -> list[Any]:
        here, there = pair
        reader = await put_on(here, StreamRecorder())
        await loop.sock_sendall(there, b"before")
        await reader.log.until(all_of)
        reader.data_received = lambda data: reader.log.note("replaced", data)
        reader.transport.set_protocol(reader)
        await loop.sock_sendall(there, b"after")
        return list(await reader.log.until(lambda log: log.named("replaced")))

    assert run(main()) == ["connection_made", ("data_received", b"before"), ("replaced", b"after")]
