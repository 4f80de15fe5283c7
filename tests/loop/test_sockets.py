"""The ``sock_*`` coroutines: what they take, what they return, and how a stream ends."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, tcp_pair, turns

NewPair = Callable[..., Pair]
KINDS = [socket.AF_UNIX, socket.AF_INET]


@pytest.mark.parametrize("family", KINDS)
def test_data_arrives_whether_it_came_before_or_after_the_wait(
    loop: Loop, run: Run, new_pair: NewPair, family: int
) -> None:
    ours, theirs = new_pair(family)

    async def main() -> list[bytes]:
        theirs.send(b"before")
        before = await loop.sock_recv(ours, 100)
        waiting = loop.create_task(loop.sock_recv(ours, 100))
        await turns(3)
        await loop.sock_sendall(theirs, b"after")
        return [before, await waiting]

    assert run(main()) == [b"before", b"after"]


def test_a_read_takes_no_more_than_was_asked_and_leaves_the_rest(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> list[bytes]:
        waiting = loop.create_task(loop.sock_recv(pair[0], 3))
        await turns(2)
        pair[1].send(b"abcdefgh")
        return [await waiting, await loop.sock_recv(pair[0], 3), await loop.sock_recv(pair[0], 3)]

    assert run(main()) == [b"abc", b"def", b"gh"]


def test_nothing_can_be_asked_for(loop: Loop, run: Run, pair: Pair) -> None:
    assert run(loop.sock_recv(pair[0], 0)) == b""
    pair[1].send(b"data")
    assert run(loop.sock_recv(pair[0], 0)) == b""
    assert run(loop.sock_recv(pair[0], 100)) == b"data"
    with pytest.raises(ValueError, match="negative"):
        run(loop.sock_recv(pair[0], -1))


def test_more_than_one_buffer_is_asked_for_in_parts(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> bytes:
        sending = loop.create_task(loop.sock_sendall(pair[1], bytes(range(256)) * 2_000))
        got = bytearray()
        while len(got) < 512_000:
            got += await loop.sock_recv(pair[0], 1 << 40)
        await sending
        return bytes(got)

    assert run(main()) == bytes(range(256)) * 2_000


@pytest.mark.parametrize(
    "make",
    [bytearray, lambda n: memoryview(bytearray(n)), lambda n: array.array("I", bytes(n))],
    ids=["bytearray", "memoryview", "array of words"],
)
def test_data_can_be_received_into_any_buffer(
    loop: Loop, run: Run, pair: Pair, make: Callable[[int], Any]
) -> None:
    async def main() -> list[Any]:
        buffer = make(8)
        theirs.send(b"12345678abcd")
        counts = [await loop.sock_recv_into(ours, buffer), await loop.sock_recv_into(ours, buffer)]
        waiting = loop.create_task(loop.sock_recv_into(ours, buffer))
        await turns(2)
        theirs.send(b"ABCDEFGH")
        counts.append(await waiting)
        theirs.close()
        counts.append(await loop.sock_recv_into(ours, buffer))
        return [*counts, memoryview(buffer).tobytes()]

    ours, theirs = pair
    assert run(main()) == [8, 4, 8, 0, b"ABCDEFGH"]


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        memoryview(b"every other").cast("B")[2:7],
        array.array("I", range(100_000)),
        memoryview(array.array("d", range(100_000))),
        b"",
        bytearray(),
        memoryview(b""),
        array.array("I"),
    ],
    ids=lambda data: f"{type(data).__name__} of {len(data)}",
)
def test_any_contiguous_buffer_is_sent_whole(loop: Loop, run: Run, pair: Pair, data: Any) -> None:
    async def main() -> bytes:
        sending = loop.create_task(loop.sock_sendall(pair[0], data))
        expected = memoryview(data).nbytes
        got = bytearray()
        while len(got) < expected:
            got += await loop.sock_recv(pair[1], 1 << 20)
        await sending
        return bytes(got)

    assert run(main()) == memoryview(data).tobytes()


@pytest.mark.parametrize("data", [memoryview(b"every other")[::2], "text", 42, None])
def test_what_is_no_contiguous_buffer_is_refused_as_by_asyncio(
    loop: Loop, run: Run, pair: Pair, data: Any
) -> None:
    with contextlib.closing(asyncio.SelectorEventLoop()) as stock, pytest.raises(Exception) as theirs:
        stock.run_until_complete(stock.sock_sendall(pair[0], data))
    with pytest.raises(theirs.type, match=str(theirs.value)):
        run(loop.sock_sendall(pair[0], data))


# -- the end of a stream -------------------------------------------------------------------------------


@pytest.mark.parametrize("family", KINDS)
@pytest.mark.parametrize("waiting_before", [False, True])
def test_the_end_that_comes_with_the_data_is_not_missed(
    loop: Loop, run: Run, new_pair: NewPair, family: int, waiting_before: bool
) -> None:
    """Edge-triggered, there is one report for both."""
    ours, theirs = new_pair(family)

    async def main() -> list[bytes]:
        if waiting_before:
            waiting = loop.create_task(loop.sock_recv(ours, 100))
            await turns(2)
        theirs.send(b"last words")
        theirs.close()
        first = await (waiting if waiting_before else loop.sock_recv(ours, 100))
        return [first, await loop.sock_recv(ours, 100), await loop.sock_recv(ours, 100)]

    assert run(main()) == [b"last words", b"", b""]


@pytest.mark.parametrize("family", KINDS)
def test_half_a_connection_goes_on(loop: Loop, run: Run, new_pair: NewPair, family: int) -> None:
    """The peer has shut its writing side, and still reads."""
    ours, theirs = new_pair(family)
    reply = b"r" * 3_000_000

    async def main() -> tuple[list[bytes], bytes]:
        waiting = loop.create_task(loop.sock_recv(ours, 100))
        await turns(2)
        theirs.send(b"request")
        theirs.shutdown(socket.SHUT_WR)
        heard = [await waiting, await loop.sock_recv(ours, 100)]
        sending = loop.create_task(loop.sock_sendall(ours, reply))
        got = bytearray()
        while len(got) < len(reply):
            got += await loop.sock_recv(theirs, 1 << 20)
        await sending
        return heard, bytes(got)

    assert run(main()) == ([b"request", b""], reply)


def test_the_end_wakes_who_waits(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> bytes:
        waiting = loop.create_task(loop.sock_recv(pair[0], 100))
        await turns(2)
        pair[1].close()
        return await waiting

    assert run(main()) == b""


def test_sending_to_a_peer_that_is_gone_fails(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> None:
        sending = loop.create_task(loop.sock_sendall(pair[0], bytes(4_000_000)))
        await turns(2)
        pair[1].close()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await sending
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await loop.sock_sendall(pair[0], b"more")

    run(main())
    assert not loop.backend.interest.get(pair[0].fileno(), 0) & 4


def test_a_short_read_behind_descriptors_does_not_hide_the_rest(loop: Loop, run: Run, pair: Pair) -> None:
    """A Unix socket's read stops behind data that brought descriptors, though there is more."""

    async def main() -> list[bytes]:
        waiting = loop.create_task(loop.sock_recv(pair[0], 100))
        await turns(2)
        socket.send_fds(pair[1], [b"with a descriptor"], [pair[1].fileno()])
        pair[1].send(b"without")
        return [await waiting, await loop.sock_recv(pair[0], 100)]

    assert run(main()) == [b"with a descriptor", b"without"]


# -- refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["sock_recv", "sock_recv_into", "sock_sendall", "sock_accept"])
def test_a_closed_socket_is_refused(loop: Loop, run: Run, use: str) -> None:
    sock = socket.socket()
    sock.close()
    argument = {"sock_recv": (10,), "sock_recv_into": (bytearray(1),), "sock_sendall": (b"!",)}.get(use, ())
    with pytest.raises(OSError) as caught:
        run(getattr(loop, use)(sock, *argument))
    assert caught.value.errno == errno.EBADF


def test_debug_mode_refuses_a_blocking_socket(loop: Loop, run: Run) -> None:
    left, right = socket.socketpair()
    loop.set_debug(True)
    with left, right:
        for using in (loop.sock_recv(left, 1), loop.sock_sendall(left, b"!"), loop.sock_accept(left)):
            with pytest.raises(ValueError, match="non-blocking"):
                run(using)


def test_tls_is_refused(loop: Loop, run: Run) -> None:
    plain, peer = tcp_pair(socket.AF_INET)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with peer, context.wrap_socket(plain, do_handshake_on_connect=False) as wrapped:
        for using in (loop.sock_recv(wrapped, 1), loop.sock_sendall(wrapped, b"!")):
            with pytest.raises(TypeError, match="SSLSocket"):
                run(using)


def test_a_subclass_of_socket_will_do(loop: Loop, run: Run) -> None:
    class Special(socket.socket):
        pass

    left, right = socket.socketpair()
    with Special(fileno=left.detach()) as ours, right:
        ours.setblocking(False)
        run(loop.sock_sendall(ours, b"data"))
        assert right.recv(100) == b"data"
