"""What a transport reads: how much at a time, when it pauses, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from lab.loop.readiness import LARGEST_READ, SMALLEST_READ
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import Into, all_of, receive

if sys.platform != "win32":
    import resource

NewPair = Callable[..., Pair]


class Sizes(StreamRecorder):
    """Notes how much came at a time, and in all."""

    total = 0

    def data_received(self, data: bytes) -> None:
        self.total += len(data)
        self.log.note("data_received", len(data))


@pytest.fixture
def roomy(new_pair: Callable[..., Pair]) -> Pair:
    """A TCP connection on loopback with the largest kernel buffers that may be had: 200 KB fit anywhere."""
    here, there = new_pair(socket.AF_INET)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    return here, there


def test_small_messages_keep_the_small_read_and_bulk_makes_it_grow_and_shrink(
    loop: Loop, run: Run, put_on: PutOn, roomy: Pair
) -> None:
    async def main() -> list[int]:
        here, there = roomy
        reader = await put_on(here, Sizes())
        sizes = []
        for count in range(1, 20):
            await loop.sock_sendall(there, bytes(1000))
            await reader.log.until(lambda _, expected=1000 * count: reader.total == expected)
            sizes.append(reader.transport._read_size)
        bulk = reader.total + 3_000_000
        async with asyncio.TaskGroup() as tasks:
            reader.transport.pause_reading()
            tasks.create_task(loop.sock_sendall(there, bytes(3_000_000)))
            await turns(5)
            reader.transport.resume_reading()
        await reader.log.until(lambda _: reader.total == bulk)
        largest = max(reader.log.named("data_received"))
        await loop.sock_sendall(there, b"small again")
        await reader.log.until(lambda _: reader.total > bulk)
        return [max(sizes), largest, reader.transport._read_size]

    small, largest, afterwards = run(main())
    assert small == SMALLEST_READ
    assert SMALLEST_READ < largest <= LARGEST_READ
    assert afterwards == SMALLEST_READ


@pytest.mark.skipif(sys.platform != "linux", reason="minor faults are counted otherwise elsewhere")
def test_small_messages_cost_no_page_faults(loop: Loop, run: Run, put_on: PutOn, roomy: Pair) -> None:
    messages = 1000

    async def main() -> int:
        here, there = roomy
        reader = await put_on(here, Sizes())

        async def exchange(count: int) -> None:
            for _ in range(count):
                await loop.sock_sendall(there, bytes(100))
                await reader.log.until(bool)
                reader.log.clear()

        reader.log.clear()
        await exchange(100)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        await exchange(messages)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert run(main()) < messages / 4


def test_reading_pauses_and_resumes(loop: Loop, run: Run, put_on: PutOn, pair: Pair) -> None:
    async def main() -> list[Any]:
        here, there = pair
        reader = await put_on(here, StreamRecorder())
        transport = reader.transport
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        await loop.sock_sendall(there, b"later")
        await turns(5)
        assert all_of(reader.log) == b""
        transport.resume_reading()
        transport.resume_reading()
        await reader.log.until(all_of)
        transport.close()
        assert not transport.is_reading()
        transport.resume_reading()
        await reader.log.until_lost()
        return list(reader.log)

    assert run(main()) == ["connection_made", ("data_received", b"later"), ("connection_lost", None)]


def test_pausing_while_data_is_received_leaves_the_rest_in_the_kernel(
    loop: Loop, run: Run, put_on: PutOn, roomy: Pair
) -> None:
    class OneAtATime(Sizes):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    async def main() -> None:
        here, there = roomy
        reader = await put_on(here, OneAtATime())
        await loop.sock_sendall(there, bytes(200_000))
        there.close()
        reads = 0
        while reader.total < 200_000:
            reads += 1
            await reader.log.until(lambda log, reads=reads: len(log.named("data_received")) >= reads)
            await turns(3)
            assert len(reader.log.named("data_received")) == reads
            assert "eof_received" not in reader.log
            reader.transport.resume_reading()
        await reader.log.until_lost()

    run(main())


def test_pausing_before_the_first_byte_works_in_connection_made(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair
) -> None:
    class Late(StreamRecorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.pause_reading()

    async def main() -> bytes:
        here, there = pair
        await loop.sock_sendall(there, b"early")
        reader = await put_on(here, Late())
        await turns(3)
        assert reader.log == ["connection_made"]
        reader.transport.resume_reading()
        return all_of(await reader.log.until(all_of))

    assert run(main()) == b"early"


def test_data_and_the_end_that_come_together_are_both_seen(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> list[list[Any]]:
        logs = []
        for family in (socket.AF_UNIX, socket.AF_INET):
            for early in (True, False):
                here, there = new_pair(family)
                if early:
                    there.sendall(b"all of it")
                    there.close()
                reader = await put_on(here, StreamRecorder())
                if not early:
                    there.sendall(b"all of it")
                    there.close()
                logs.append(list(await reader.log.until_lost()))
        return logs

    assert (
        run(main())
        == [["connection_made", ("data_received", b"all of it"), "eof_received", ("connection_lost", None)]]
        * 4
    )


def test_a_full_read_and_the_end_that_come_together_are_both_seen(
    loop: Loop, run: Run, put_on: PutOn, roomy: Pair
) -> None:
    async def main() -> int:
        here, there = roomy
        await loop.sock_sendall(there, bytes(2 * SMALLEST_READ))
        there.close()
        reader = await put_on(here, StreamRecorder())
        await reader.log.until_lost()
        return len(all_of(reader.log))

    assert run(main()) == 2 * SMALLEST_READ


@pytest.mark.skipif(
    not hasattr(socket, "send_fds"), reason="descriptors cannot be sent over Unix sockets here"
)
def test_bytes_behind_descriptors_that_nobody_takes_are_read(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair
) -> None:
    async def main() -> bytes:
        here, there = pair
        socket.send_fds(there, [b"before"], [there.fileno()])
        await loop.sock_sendall(there, b"after")
        reader = await put_on(here, StreamRecorder())
        return all_of(await reader.log.until(lambda log: len(all_of(log)) == 11))

    assert run(main()) == b"beforeafter"


def test_a_buffered_protocol_gets_everything_through_its_own_buffer(
    loop: Loop, run: Run, put_on: PutOn, roomy: Pair
) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(100_000))

    async def main() -> bytes:
        here, there = roomy
        reader = await put_on(here, Into(size=3001))
        await loop.sock_sendall(there, data)
        there.close()
        log = await reader.log.until_lost()
        assert max(log.named("buffer_updated")) == 3001
        assert log[-2:] == ["eof_received", ("connection_lost", None)]
        return bytes(reader.data)

    assert run(main()) == data


def test_one_that_sends_without_end_does_not_starve_the_others(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, roomy: Pair
) -> None:
    class Refill(Sizes):
        """Has its peer's buffer filled again whenever it has read."""

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            refill()

    here, there = roomy

    def refill() -> None:
        try:
            while True:
                there.send(bytes(1 << 20))
        except BlockingIOError:
            pass

    async def main() -> bytes:
        greedy = await put_on(here, Refill())
        quiet, peer = new_pair()
        patient = await put_on(quiet, StreamRecorder())
        refill()
        await greedy.log.until(lambda log: len(log) > 3)
        await loop.sock_sendall(peer, b"me too")
        await patient.log.until(all_of)
        patient.transport.write(b"thanks")
        return await receive(loop, peer, 6)

    assert run(main()) == b"thanks"
