"""What a transport does with what it is given: order, flow control, half-closing, and who has to wait."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop import sending
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import HalfOpen, all_of, receive

NewPair = Callable[..., Pair]

SMALL = 4096
"""Bytes of a kernel buffer that is full at once."""


def pattern(size: int) -> bytes:
    """Bytes that show when they are out of order."""
    return b"".join(number.to_bytes(4, "big") for number in range(-(-size // 4)))[:size]


def test_what_is_written_arrives_in_order_whatever_it_is_made_of(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> tuple[bytes, bytes]:
        here, there = new_pair(buffer=SMALL)
        transport = (await put_on(here, StreamRecorder())).transport
        parts = [
            pattern(10),
            bytearray(pattern(300_000)),
            memoryview(pattern(50_000))[7:40_000],
            b"",
            memoryview(bytearray(b"abcd" * 10)).cast("I"),
            b"end",
        ]
        for part in parts:
            transport.write(part)
        transport.writelines(parts)
        transport.writelines(iter(parts[:1]))
        transport.close()
        sent = b"".join(map(bytes, [*parts, *parts, parts[0]]))
        return sent, await receive(loop, there, len(sent) + 1)

    sent, received = run(main())
    assert received == sent


def test_a_buffer_may_be_changed_as_soon_as_write_has_returned(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> bytes:
        here, there = new_pair(buffer=SMALL)
        transport = (await put_on(here, StreamRecorder())).transport
        data = bytearray(b"a" * 500_000)
        transport.write(data)
        data[:] = b"b" * len(data)
        transport.writelines([data, data])
        data[:] = b"c" * len(data)
        transport.close()
        return await receive(loop, there, 2_000_000)

    assert run(main()) == b"a" * 500_000 + b"b" * 1_000_000


def test_lines_go_by_one_call_without_a_copy(loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair) -> None:
    class Spy(socket.socket):
        calls = 0

        def sendmsg(self, pieces: Any, *rest: Any) -> int:
            Spy.calls += 1
            return super().sendmsg(pieces, *rest)

    async def main() -> None:
        here, there = new_pair(buffer=SMALL)
        pieces = [bytes([number]) * 1_000_000 for number in range(3)]
        with Spy(fileno=here.detach()) as spying:
            transport = (await put_on(spying, StreamRecorder())).transport
            transport.writelines([b"one", b"two", b"three"])
            assert Spy.calls == 1
            assert await receive(loop, there, 11) == b"onetwothree"
            transport.writelines(pieces)
            partly_sent, *untouched = transport._queue
            assert list(map(id, [partly_sent.obj, *untouched])) == list(map(id, pieces))
            assert await receive(loop, there, 3_000_000) == b"".join(pieces)

    run(main())


def test_more_pieces_than_one_call_can_take_are_sent(loop: Loop, run: Run, put_on: PutOn, pair: Pair) -> None:
    async def main() -> bytes:
        transport = (await put_on(pair[0], StreamRecorder())).transport
        transport.writelines([number.to_bytes(4, "big") for number in range(5000)])
        return await receive(loop, pair[1], 20_000)

    assert run(main()) == pattern(20_000)


def test_a_writer_is_paused_above_the_high_mark_and_resumed_at_the_low_one(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> None:
        here, there = new_pair(buffer=SMALL)
        writer = await put_on(here, StreamRecorder())
        transport = writer.transport
        transport.set_write_buffer_limits(high=100_000, low=30_000)
        assert transport.get_write_buffer_limits() == (30_000, 100_000)
        most = written = 0
        while "pause_writing" not in writer.log:
            transport.write(pattern(10_000))
            written += 10_000
            most = max(most, transport.get_write_buffer_size())
        assert 100_000 < most <= 110_000, "the high-water mark plus one write is the most that is queued"
        transport.write(b"x")
        assert writer.log == ["connection_made", "pause_writing"], "asked once"
        got = len(await receive(loop, there, 1))
        while "resume_writing" not in writer.log:
            assert transport.get_write_buffer_size() > 30_000
            got += len(await receive(loop, there, 500))
            await turns(2)
        assert transport.get_write_buffer_size() <= 30_000
        transport.close()
        assert got + len(await receive(loop, there, written)) == written + 1
        await writer.log.until_lost()
        assert writer.log.named("connection_lost") == [None]

    run(main())


def test_lowering_the_high_mark_pauses_at_once(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> list[Any]:
        here, _ = new_pair(buffer=SMALL)
        writer = await put_on(here, StreamRecorder())
        writer.transport.set_write_buffer_limits(high=10_000_000)
        writer.transport.write(bytes(1_000_000))
        before = list(writer.log)
        writer.transport.set_write_buffer_limits(high=0)
        writer.transport.abort()
        await writer.log.until_lost()
        return [before, list(writer.log)]

    before, after = run(main())
    assert before == ["connection_made"]
    assert after == ["connection_made", "pause_writing", ("connection_lost", None)]


@pytest.mark.parametrize("marks", [{"high": 1, "low": 2}, {"low": -1}, {"high": -1}])
def test_impossible_marks_are_refused(run: Run, put_on: PutOn, pair: Pair, marks: dict[str, int]) -> None:
    async def main() -> None:
        transport = (await put_on(pair[0], StreamRecorder())).transport
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(**marks)

    run(main())


def test_a_slow_reader_keeps_nobody_else_waiting(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> int:
        slow, _unread = new_pair(buffer=SMALL)
        quick, there = new_pair()
        stuck = await put_on(slow, StreamRecorder())
        stuck.transport.write(bytes(5_000_000))
        queued = stuck.transport.get_write_buffer_size()
        other = await put_on(quick, StreamRecorder())
        for number in range(100):
            other.transport.write(b"ping")
            assert await receive(loop, there, 4) == b"ping"
            await loop.sock_sendall(there, bytes([number]))
            await other.log.until(lambda log, number=number: len(all_of(log)) > number)
        for each in (stuck, other):
            each.transport.abort()
            await each.log.until_lost()
        return queued

    assert run(main()) > 4_000_000


def test_half_closing_sends_what_is_queued_and_reading_goes_on(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> tuple[bytes, list[Any]]:
        here, there = new_pair(buffer=SMALL)
        writer = await put_on(here, StreamRecorder())
        assert writer.transport.can_write_eof()
        writer.transport.write(pattern(200_000))
        writer.transport.write_eof()
        writer.transport.write_eof()
        for late in (writer.transport.write, lambda data: writer.transport.writelines([data])):
            with pytest.raises(RuntimeError, match="after write_eof"):
                late(b"late")
        received = await receive(loop, there, 300_000)
        await loop.sock_sendall(there, b"answer")
        there.close()
        await writer.log.until_lost()
        return received, list(writer.log)

    received, log = run(main())
    assert received == pattern(200_000)
    assert [event for event in log if "writing" not in event] == [
        "connection_made",
        ("data_received", b"answer"),
        "eof_received",
        ("connection_lost", None),
    ]


def test_who_wants_to_goes_on_writing_after_the_peers_last_byte(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair
) -> None:
    async def main() -> tuple[bytes, list[Any]]:
        here, there = pair
        protocol = await put_on(here, HalfOpen())
        await loop.sock_sendall(there, b"question")
        there.shutdown(socket.SHUT_WR)
        await protocol.log.until(lambda log: "eof_received" in log)
        await turns(3)
        assert not protocol.transport.is_closing()
        protocol.transport.write(b"answer")
        protocol.transport.close()
        received = await receive(loop, there, 100)
        await protocol.log.until_lost()
        return received, list(protocol.log)

    received, log = run(main())
    assert received == b"answer"
    assert log == [
        "connection_made",
        ("data_received", b"question"),
        "eof_received",
        ("connection_lost", None),
    ]


@pytest.mark.parametrize("data", ["text", None, 1, [b"x"]])
def test_only_bytes_can_be_written(run: Run, put_on: PutOn, pair: Pair, data: Any) -> None:
    async def main() -> None:
        transport = (await put_on(pair[0], StreamRecorder())).transport
        with pytest.raises(TypeError, match="bytes-like"):
            transport.write(data)

    run(main())


def test_writes_to_a_lost_connection_are_dropped_and_after_a_few_logged(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        protocol = await put_on(pair[0], StreamRecorder())
        protocol.transport.abort()
        for _ in range(sending.QUIET_LOST_WRITES + 2):
            protocol.transport.write(b"x")
            protocol.transport.writelines([b"x"])
        await protocol.log.until_lost()
        protocol.transport.write(b"x")
        assert protocol.transport.get_write_buffer_size() == 0

    with caplog.at_level(logging.WARNING, "asyncio"):
        run(main())
    assert {record.getMessage() for record in caplog.records} == {"socket.send() raised exception."}


def test_queueing_many_small_writes_takes_time_in_proportion(
    run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    """By counting: the queue's size is kept, so no write looks at the pieces that are queued."""

    class Counted(bytes):
        asked = 0

        def __len__(self) -> int:
            Counted.asked += 1
            return super().__len__()

    async def main() -> int:
        here, _ = new_pair(buffer=SMALL)
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.write(bytes(1_000_000))
        protocol.transport._queue.extend(Counted(b"x") for _ in range(1000))
        before = Counted.asked
        for _ in range(1000):
            protocol.transport.write(b"x")
            protocol.transport.get_write_buffer_size()
        asked = Counted.asked - before
        protocol.transport.abort()
        await protocol.log.until_lost()
        return asked

    assert run(main()) == 0
