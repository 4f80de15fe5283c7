"""Datagrams on bare sockets: one message each, whole, none left behind."""

from __future__ import annotations

import array
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns


@pytest.fixture
def udp() -> Iterator[Pair]:
    with socket.socket(type=socket.SOCK_DGRAM) as left, socket.socket(type=socket.SOCK_DGRAM) as right:
        for sock in (left, right):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield left, right


def test_all_that_arrived_in_one_report_are_received(loop: Loop, run: Run, udp: Pair) -> None:
    left, right = udp
    messages = [b"%d" % number for number in range(20)]

    async def main() -> list[Any]:
        waiting = loop.create_task(loop.sock_recvfrom(right, 100))
        await turns(2)
        for message in messages:
            assert await loop.sock_sendto(left, message, right.getsockname()) == len(message)
        got = [await waiting]
        return got + [await loop.sock_recvfrom(right, 100) for _ in messages[1:]]

    assert run(main()) == [(message, left.getsockname()) for message in messages]


@pytest.mark.parametrize("way", ["sock_recv", "sock_recvfrom", "sock_recv_into", "sock_recvfrom_into"])
def test_an_empty_datagram_is_a_message(loop: Loop, run: Run, udp: Pair, way: str) -> None:
    left, right = udp
    buffer = bytearray(100)
    argument = buffer if way.endswith("into") else 100

    async def receive() -> Any:
        got = await getattr(loop, way)(right, argument)
        first = got[0] if isinstance(got, tuple) else got
        return bytes(buffer[:first]) if way.endswith("into") else first

    async def main() -> list[bytes]:
        waiting = loop.create_task(receive())
        await turns(2)
        for message in (b"", b"one", b"", b"two"):
            await loop.sock_sendto(left, message, right.getsockname())
        return [await waiting, *[await receive() for _ in range(3)]]

    assert run(main()) == [b"", b"one", b"", b"two"]


def test_a_datagram_that_does_not_fit_is_cut_and_the_next_is_whole(loop: Loop, run: Run, udp: Pair) -> None:
    left, right = udp

    async def main() -> list[bytes]:
        for message in (b"too long", b"next"):
            await loop.sock_sendto(left, message, right.getsockname())
        return [await loop.sock_recv(right, 3), await loop.sock_recv(right, 100)]

    assert run(main()) == [b"too", b"next"]


def test_a_datagram_larger_than_a_streams_buffer_is_received_whole(loop: Loop, run: Run) -> None:
    """A stream may be read in parts; a datagram's rest would be lost."""
    with contextlib.ExitStack() as closing:
        left, right = map(closing.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
        for sock in (left, right):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
        message = bytes(range(250)) * 400

        async def main() -> list[bytes]:
            waiting = loop.create_task(loop.sock_recv(right, 200_000))
            await turns(2)
            left.send(message)
            first = await waiting
            left.send(b"small")
            small = await loop.sock_recv(right, 200_000)
            left.send(message)
            return [first, small, await loop.sock_recv(right, 200_000)]

        try:
            assert run(main()) == [message, b"small", message]
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            pytest.skip("this system's Unix datagrams are smaller")


def test_a_datagram_is_received_into_any_buffer(loop: Loop, run: Run, udp: Pair) -> None:
    left, right = udp
    words = array.array("I", bytes(16))

    async def main() -> list[Any]:
        for _ in range(2):
            await loop.sock_sendto(left, b"0123456789abcdef", right.getsockname())
        return [await loop.sock_recvfrom_into(right, words), await loop.sock_recvfrom_into(right, words, 8)]

    assert run(main()) == [(16, left.getsockname()), (8, left.getsockname())]
    assert words.tobytes() == b"0123456789abcdef"


def test_who_sends_to_a_full_socket_waits_for_room(loop: Loop, run: Run, new_pair: Any) -> None:
    left, right = new_pair(socket.AF_UNIX, socket.SOCK_DGRAM)
    message = b"m" * 1_000

    async def main() -> int:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while left.send(message):
                sent += 1
        waiting = loop.create_task(loop.sock_sendall(left, b"the last"))
        await turns(3)
        assert not waiting.done()
        for _ in range(sent):
            assert await loop.sock_recv(right, 2_000) == message
        await waiting
        assert await loop.sock_recv(right, 2_000) == b"the last"
        return sent

    assert run(main()) > 0


def test_an_error_that_came_back_is_raised(loop: Loop, run: Run, udp: Pair) -> None:
    """The peer's port is closed: ICMP says so, and the next operation tells."""
    left, right = udp
    left.connect(right.getsockname())
    right.close()

    async def main() -> None:
        await loop.sock_sendall(left, b"anybody there?")
        await loop.sock_recv(left, 100)

    with pytest.raises(ConnectionRefusedError):
        run(main())


def test_a_connected_datagram_socket_needs_no_address(loop: Loop, run: Run, udp: Pair) -> None:
    left, right = udp
    run(loop.sock_connect(left, right.getsockname()))
    run(loop.sock_sendall(left, b"data"))
    assert run(loop.sock_recvfrom(right, 100)) == (b"data", left.getsockname())
