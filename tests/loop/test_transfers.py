"""Much data, byte for byte, on every backend; and sockets that are dropped."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import random
import socket
from collections.abc import Callable

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns

MANY = 20_000_000
NewPair = Callable[..., Pair]


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


async def send_in_pieces(loop: Loop, sock: socket.socket, data: bytes, rng: random.Random) -> None:
    view, at = memoryview(data), 0
    while at < len(data):
        size = rng.choice((1, 1_000, 65_536, 3_000_000))
        await loop.sock_sendall(sock, view[at : at + size])
        at += size
    sock.shutdown(socket.SHUT_WR)


async def digest_until_the_end(loop: Loop, sock: socket.socket, rng: random.Random) -> str:
    digest, buffer = hashlib.blake2b(), bytearray(100_000)
    while True:
        if rng.random() < 0.5:
            data = await loop.sock_recv(sock, rng.choice((1, 4_096, 65_536, 1 << 30)))
        else:
            data = memoryview(buffer)[: await loop.sock_recv_into(sock, buffer)]
        if not data:
            return digest.hexdigest()
        digest.update(data)


def test_twenty_megabytes_both_ways_at_once_arrive_byte_for_byte(
    loop: Loop, run: Run, new_pair: NewPair
) -> None:
    left, right = new_pair(buffer=8_192)
    sent = [noise(seed, MANY // 2) for seed in (1, 2)]

    async def main() -> list[str]:
        rng = random.Random(3)
        sending = [
            loop.create_task(send_in_pieces(loop, sock, data, rng))
            for sock, data in zip((left, right), sent, strict=True)
        ]
        got = await asyncio.gather(*(digest_until_the_end(loop, sock, rng) for sock in (right, left)))
        await asyncio.gather(*sending)
        return got

    assert run(main()) == [hashlib.blake2b(data).hexdigest() for data in sent]


def test_a_transfer_survives_cancelled_reads(loop: Loop, run: Run, pair: Pair) -> None:
    data = noise(4, 500_000)

    async def main() -> bytes:
        sending = loop.create_task(send_in_pieces(loop, pair[1], data, random.Random(5)))
        got, rng = bytearray(), random.Random(6)
        while len(got) < len(data):
            reading = loop.create_task(loop.sock_recv(pair[0], 10_000))
            await turns(rng.randrange(3))
            if rng.random() < 0.5:
                reading.cancel()
            for each in await asyncio.gather(reading, return_exceptions=True):
                got += each if isinstance(each, bytes) else b""
        await sending
        return bytes(got)

    assert run(main()) == data


def test_a_cancelled_send_leaves_a_stream_that_goes_on(loop: Loop, run: Run, new_pair: NewPair) -> None:
    ours, theirs = new_pair(buffer=4_096)

    async def main() -> bytes:
        sending = loop.create_task(loop.sock_sendall(ours, b"a" * 1_000_000))
        got = bytearray()
        while len(got) < 10_000:
            got += await loop.sock_recv(theirs, 1_000)
        sending.cancel()
        await asyncio.wait([sending])
        following = loop.create_task(loop.sock_sendall(ours, b"b" * 100_000))
        while got.count(b"b") < 100_000:
            got += await loop.sock_recv(theirs, 100_000)
        await following
        return bytes(got)

    got = run(main())
    assert got == b"a" * (len(got) - 100_000) + b"b" * 100_000
    assert len(got) < 1_000_000


def test_hundreds_of_connections_echo_at_once(loop: Loop, run: Run, new_pair: NewPair) -> None:
    pairs = [new_pair() for _ in range(200)]

    async def echo(sock: socket.socket) -> None:
        while data := await loop.sock_recv(sock, 4_096):
            await loop.sock_sendall(sock, data)

    async def ask(sock: socket.socket, number: int) -> int:
        for question in (b"%d-%d" % (number, each) for each in range(5)):
            await loop.sock_sendall(sock, question)
            assert await loop.sock_recv(sock, 4_096) == question
        sock.close()
        return number

    async def main() -> list[int]:
        async with asyncio.TaskGroup() as group:
            for ours, _ in pairs:
                group.create_task(echo(ours))
            asking = [group.create_task(ask(theirs, each)) for each, (_, theirs) in enumerate(pairs)]
        return [task.result() for task in asking]

    assert run(main()) == list(range(200))


def test_a_dropped_socket_is_collected_and_its_number_used_again(loop: Loop, run: Run) -> None:
    async def use(left: socket.socket, right: socket.socket) -> None:
        for sock in (left, right):
            sock.setblocking(False)
        waiting = loop.create_task(loop.sock_recv(left, 100))
        await turns(2)
        right.send(b"data")
        assert await waiting == b"data"

    def drop() -> int:
        left, right = socket.socketpair()
        run(use(left, right))
        fd = left.fileno()
        right.close()
        with pytest.warns(ResourceWarning, match="unclosed"):
            del left
        return fd

    numbers = [drop() for _ in range(3)]
    with pytest.raises(OSError):
        os.fstat(numbers[0])
    assert len(set(numbers)) == 1, "the loop held none of them"
    left, right = socket.socketpair()
    with left, right:
        run(use(left, right))


def test_received_data_is_not_kept(any_tasks: Loop, pair: Pair) -> None:
    """What a wait brought is its caller's alone."""

    async def main() -> bytes:
        waiting = any_tasks.create_task(any_tasks.sock_recv(pair[0], 100))
        await turns(2)
        pair[1].send(b"data of some length")
        return await waiting

    data = any_tasks.run_until_complete(main())
    gc.collect()
    holders = [each for each in gc.get_referrers(data) if not isinstance(each, type(gc.get_referrers))]
    reading = any_tasks._readers[pair[0].fileno()]
    assert reading not in holders
    assert (reading.value, reading.operation) == (None, None), "and its argument is only a number"
