"""The same conversations over TLS on asyncio's loop and on the mini-loop: the same callbacks at each end."""

from __future__ import annotations

import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio
from tests.loop.recording import Log
from tests.loop.streams.conversing import Act, Conversation, played
from tests.loop.streams.streaming import Into


async def small_talk(them: Conversation) -> None:
    for data in (b"one", bytearray(b"two"), memoryview(b"three")):
        them.to_server.write(data)
        await them.settle()
    them.to_client.writelines([b"four", b"", b"five"])
    them.to_client.writelines((b"six",))
    them.to_client.writelines(iter((b"seven", b"eight")))
    them.to_client.write(b"")
    await them.settle()
    await them.end()


async def several_messages_at_once(them: Conversation) -> None:
    for number in range(5):
        them.to_server.write(b"message %d " % number)
    them.to_server.write(bytes(40_000))
    await them.settle()
    await them.end()


async def a_pause_of_the_reader(them: Conversation) -> None:
    them.to_client.pause_reading()
    for data in (b"while ", b"it ", b"was paused"):
        them.to_server.write(data)
        await them.settle()
    them.server.log.note("is reading", them.to_client.is_reading())
    them.to_client.resume_reading()
    await them.settle()
    await them.end()


async def marks_of_zero(them: Conversation) -> None:
    them.to_server.set_write_buffer_limits(0)
    for data in (b"first", b"second", b"third"):
        them.to_server.write(data)
        them.client.log.note("written", them.to_server.get_write_buffer_size())
        await them.settle()
        them.to_client.write(b"reply")
        await them.settle()
    await them.end()


async def more_than_the_marks(them: Conversation) -> None:
    them.to_server.set_write_buffer_limits(high=1000, low=100)
    them.to_client.pause_reading()
    while "pause_writing" not in them.client.log:
        them.to_server.write(bytes(50_000))
    them.to_client.resume_reading()
    await them.client.log.until(lambda log: "resume_writing" in log)
    await them.settle()
    them.client.log[:] = [event for event in them.client.log if isinstance(event, str)]
    them.server.log[:] = []
    await them.end()


async def a_change_of_protocols(them: Conversation) -> None:
    into = Into(10)
    into.log = them.server.log
    for protocol, data in (
        (into, b"more than the buffer has room for"),
        (them.server, b"bytes again"),
    ):
        them.to_client.set_protocol(protocol)
        them.to_server.write(data)
        await them.settle()
    await them.end()


async def an_error_of_the_protocol(them: Conversation) -> None:
    def failing(data: bytes) -> None:
        them.server.log.note("failing", data)
        raise ZeroDivisionError

    them.server.data_received = failing
    them.to_server.write(b"data")
    await them.client.log.until_lost()
    await them.server.log.until_lost()


async def an_abort_on_data(them: Conversation) -> None:
    def aborting(data: bytes) -> None:
        them.server.log.note("aborting", data)
        them.to_client.abort()

    them.server.data_received = aborting
    them.to_server.write(b"data")
    await them.client.log.until_lost()
    await them.server.log.until_lost()


async def a_close_with_data_under_way(them: Conversation) -> None:
    them.to_server.write(bytes(100_000))
    them.to_server.close()
    them.to_server.write(b"too late")
    await them.client.log.until_lost()
    await them.server.log.until_lost()
    them.server.log.note("in all", len(them.server.data))
    them.server.log[:] = [event for event in them.server.log if event[0] != "data_received"]


async def an_end_that_nobody_announced(them: Conversation) -> None:
    them.to_server.write(b"last words")
    await them.settle()
    them.below[1].shutdown(socket.SHUT_WR)
    await them.settle()
    them.to_client.abort()
    await them.client.log.until_lost()
    await them.server.log.until_lost()


async def bytes_that_were_never_encrypted(them: Conversation) -> None:
    them.below[1].send(b"\x17\x03\x03\x00\x20" + bytes(32))
    await them.server.log.until_lost()
    await them.client.log.until_lost()


ACTS: tuple[Act, ...] = (
    small_talk,
    several_messages_at_once,
    a_pause_of_the_reader,
    marks_of_zero,
    more_than_the_marks,
    a_change_of_protocols,
    an_error_of_the_protocol,
    an_abort_on_data,
    a_close_with_data_under_way,
    an_end_that_nobody_announced,
    bytes_that_were_never_encrypted,
)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_both_ends_are_told_what_they_are_told_on_asyncio(loop: Loop, run: Run, act: Act) -> None:
    def on(any_loop: Any, log: list[Any]) -> Coroutine[Any, Any, None]:
        async def main() -> None:
            log.extend(await played(act, any_loop, Log()))

        return main()

    ours: list[Any] = []
    run(on(loop, ours))
    theirs = beside_asyncio(on)
    assert ours == theirs
    assert "connection_lost" in str(ours)
