"""A storm: random use of many sockets at once, in which every byte is accounted for.

Connections come and go, so that numbers are reused all the time; reads are cancelled, timed out, shared by
tasks and mixed with ``add_reader``; some sockets are dropped unclosed or detached. Streams are numbered
bytes: one that is lost, doubled or out of order shows, and so does a reader that nobody wakes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, tcp_pair, turns

PATTERN = bytes(range(251))


def stream(start: int, size: int) -> bytes:
    """``size`` bytes of the numbered stream, from ``start`` on."""
    at = start % len(PATTERN)
    return (PATTERN * (size // len(PATTERN) + 2))[at : at + size]


class Storm:
    """One connection's life, played by ``rng``."""

    def __init__(self, loop: Loop, rng: random.Random) -> None:
        self.loop, self.rng = loop, rng
        self.got = self.size = 0
        self.sock: socket.socket

    async def live(self) -> int:
        """Open, transfer, close; how many bytes went through."""
        left, right = tcp_pair(socket.AF_INET) if self.rng.random() < 0.3 else socket.socketpair()
        self.sock = left
        self.size = self.rng.choice((1, 100, 65_536, 65_537, 400_000))
        for sock in (left, right):
            sock.setblocking(False)
        right.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.rng.choice((4_096, 65_536)))
        sending = self.loop.create_task(self.send(right))
        try:
            while self.got < self.size:
                await self.rng.choice((self.read, self.read_cancelled, self.read_by_callback, self.rewrap))()
            await sending
            assert await self.loop.sock_recv(self.sock, 10) == b"", "nothing behind the end"
        finally:
            sending.cancel()
            self.sock.close()
            right.close()
        return self.got

    def take(self, data: bytes) -> None:
        assert data, "the end came too early"
        assert data == stream(self.got, len(data)), "bytes are lost, doubled or out of order"
        self.got += len(data)

    async def send(self, sock: socket.socket) -> None:
        at = 0
        while at < self.size:
            piece = stream(at, min(self.size - at, self.rng.choice((1, 1_000, 100_000))))
            await self.loop.sock_sendall(sock, piece)
            at += len(piece)
            await turns(self.rng.randrange(2))
        sock.shutdown(socket.SHUT_WR)

    async def read(self) -> None:
        self.take(await self.loop.sock_recv(self.sock, self.rng.choice((1, 4_096, 65_536, 1 << 30))))

    async def read_cancelled(self) -> None:
        """A read that is cancelled at a random time, or times out: what it got counts, the rest stays."""
        reading = self.loop.create_task(self.loop.sock_recv(self.sock, 10_000))
        await turns(self.rng.randrange(4))
        if self.rng.random() < 0.5:
            reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.take(await reading)

    async def read_by_callback(self) -> None:
        """Through ``add_reader``, in between."""
        readable = self.loop.create_future()
        self.loop.add_reader(self.sock, lambda: readable.done() or readable.set_result(None))
        await readable
        if self.rng.random() < 0.5:
            self.loop.remove_reader(self.sock)
        self.take(self.sock.recv(10_000))
        self.loop.remove_reader(self.sock)

    async def rewrap(self) -> None:
        """The same descriptor in a new socket object."""
        if self.rng.random() < 0.1:
            self.sock = socket.socket(fileno=self.sock.detach())


@pytest.mark.parametrize("seed", range(3))
def test_every_byte_of_a_storm_is_accounted_for(loop: Loop, run: Run, seed: int) -> None:
    rng = random.Random(seed)
    sizes: list[int] = []

    async def guest() -> None:
        for _ in range(5):
            storm = Storm(loop, rng)
            sizes.append(await storm.live() - storm.size)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(guest())

    run(main())
    assert sizes == [0] * 60
    assert len(loop.backend.interest) <= 40, "numbers are reused, and their interest with them"


@pytest.mark.parametrize("seed", range(3))
def test_tasks_that_share_a_socket_lose_nothing_when_some_are_cancelled(
    loop: Loop, run: Run, seed: int
) -> None:
    rng = random.Random(seed)
    size = 3_000
    got: list[bytes] = []

    async def receive(sock: socket.socket) -> None:
        while data := await loop.sock_recv(sock, rng.choice((1, 2, 7))):
            got.append(data)
            await turns(rng.randrange(2))

    async def send(sock: socket.socket) -> None:
        for at in range(size):
            await loop.sock_sendall(sock, stream(at, 1))
            await turns(rng.randrange(2))
        sock.shutdown(socket.SHUT_WR)

    async def main() -> None:
        left, right = socket.socketpair()
        with left, right:
            for sock in (left, right):
                sock.setblocking(False)
            sending = loop.create_task(send(right))
            readers = [loop.create_task(receive(left)) for _ in range(5)]
            while not sending.done():
                await turns(rng.randrange(20))
                victim = rng.randrange(len(readers))
                readers[victim].cancel()
                readers[victim] = loop.create_task(receive(left))
            await sending
            await asyncio.gather(*readers)

    run(main())
    assert b"".join(got) == stream(0, size)
