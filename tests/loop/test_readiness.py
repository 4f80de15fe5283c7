"""One wait of one socket: how it ends, and what it keeps."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import socket
import struct
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from lab.loop.readiness import LARGEST_READ, SMALLEST_READ
from tests.loop.conftest import Pair, Run, tcp_pair, turns

if sys.platform != "win32":
    import resource

# -- cancelling ----------------------------------------------------------------------------------------


def test_a_wait_is_cancelled_once_with_its_message(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> tuple[str, bool, bytes]:
        task = loop.create_task(loop.sock_recv(pair[0], 100))
        await turns(2)
        first, second = task.cancel("because"), task.cancel("because again")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        await loop.sock_sendall(pair[1], b"not lost")
        return str(caught.value), first and second, await loop.sock_recv(pair[0], 100)

    assert run(main()) == ("because", True, b"not lost")


def test_a_cancelled_task_may_wait_again(loop: Loop, run: Run, pair: Pair) -> None:
    async def stubborn() -> bytes:
        try:
            return await loop.sock_recv(pair[0], 100)
        except asyncio.CancelledError:
            return b"second wait: " + await loop.sock_recv(pair[0], 100)

    async def main() -> bytes:
        task = loop.create_task(stubborn())
        await turns(2)
        task.cancel()
        await turns(2)
        pair[1].send(b"data")
        return await task

    assert run(main()) == b"second wait: data"


@pytest.mark.parametrize("after_the_data", [False, True])
def test_cancelling_in_the_turn_of_the_data_loses_none(
    loop: Loop, run: Run, new_pair: Callable[..., Pair], after_the_data: bool
) -> None:
    """Two descriptors are reported together; the callback of one cancels the wait for the other."""
    (waited, sender), (other, waker) = new_pair(), new_pair()

    async def main() -> bytes:
        task = loop.create_task(loop.sock_recv(waited, 100))
        await turns(2)
        if after_the_data:
            loop.add_reader(other, lambda: (task.cancel(), loop.remove_reader(other)))
        else:
            loop.call_soon(lambda: loop.call_soon(task.cancel))
        sender.send(b"data")
        waker.send(b"!")
        try:
            return await task
        except asyncio.CancelledError:
            return await loop.sock_recv(waited, 100)
        finally:
            loop.remove_reader(other)

    assert run(main()) == b"data"


def test_a_timeout_leaves_the_data_to_the_next(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> list[bytes]:
        got = []
        for number in range(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await loop.sock_recv(pair[0], 100)
            task = loop.create_task(loop.sock_sendall(pair[1], b"%d" % number))
            got.append(await loop.sock_recv(pair[0], 100))
            await task
        return got

    assert run(main()) == [b"%d" % number for number in range(20)]


def test_a_coroutine_closed_by_hand_frees_the_socket(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> bytes:
        coroutine = loop.sock_recv(pair[0], 100)
        coroutine.send(None)
        coroutine.close()
        pair[1].send(b"data")
        return await loop.sock_recv(pair[0], 100)

    assert run(main()) == b"data"


# -- keeping -------------------------------------------------------------------------------------------


def test_the_interest_is_kept_between_waits(loop: Loop, run: Run, pair: Pair) -> None:
    async def echo() -> None:
        while data := await loop.sock_recv(pair[0], 100):
            await loop.sock_sendall(pair[0], data)

    async def main() -> int:
        task = loop.create_task(echo())
        before = loop.counters()["interest_changes"]
        for _ in range(100):
            await loop.sock_sendall(pair[1], b"ping")
            assert await loop.sock_recv(pair[1], 100) == b"ping"
        after = loop.counters()["interest_changes"]
        pair[1].close()
        await task
        return after - before

    assert run(main()) <= 4, "two registrations, and hardly any more"


def test_the_read_size_follows_what_arrives(any_tasks: Loop) -> None:
    sizes: list[int] = []

    class Spy(socket.socket):
        def recv(self, size: int, flags: int = 0) -> bytes:
            sizes.append(size)
            return super().recv(size, flags)

    async def main(ours: socket.socket, theirs: socket.socket) -> int:
        sending = any_tasks.create_task(any_tasks.sock_sendall(theirs, bytes(8_000_000)))
        got = 0
        while got < 8_000_000:
            got += len(await any_tasks.sock_recv(ours, 1 << 30))
        await sending
        theirs.send(b"!")
        await any_tasks.sock_recv(ours, 1 << 30)
        theirs.send(b"!")
        return len(await any_tasks.sock_recv(ours, 1 << 30))

    left, theirs = tcp_pair(socket.AF_INET)
    with Spy(fileno=left.detach()) as ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        assert any_tasks.run_until_complete(main(ours, theirs)) == 1
    assert (sizes[0], sizes[-1]) == (SMALLEST_READ, SMALLEST_READ)
    assert SMALLEST_READ < max(sizes) <= LARGEST_READ


@pytest.mark.skipif(sys.platform != "linux", reason="minor faults are counted otherwise elsewhere")
def test_small_messages_cost_no_page_faults_however_much_is_asked_for(any_tasks: Loop, pair: Pair) -> None:
    ours, theirs = pair

    async def main(count: int) -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(count):
            theirs.send(b"small")
            assert await any_tasks.sock_recv(ours, 1 << 20) == b"small"
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    any_tasks.run_until_complete(main(100))
    assert any_tasks.run_until_complete(main(400)) < 100


def reset(sock: socket.socket) -> None:
    """Close in a way that the peer gets ECONNRESET."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("ending", ["data", "cancel", "error"])
def test_an_ended_wait_keeps_nothing_alive(any_tasks: Loop, ending: str) -> None:
    request: contextvars.ContextVar[Any] = contextvars.ContextVar("request")

    class Thing:
        pass

    async def receive(sock: socket.socket) -> None:
        thing = Thing()
        request.set(thing)
        kept.append(weakref.ref(thing))
        await any_tasks.sock_recv(sock, 100)

    async def main(ours: socket.socket, theirs: socket.socket) -> None:
        task = any_tasks.create_task(receive(ours))
        kept.append(weakref.ref(task))
        await turns(2)
        {"data": lambda: theirs.send(b"!"), "cancel": task.cancel, "error": lambda: reset(theirs)}[ending]()
        while not task.done():
            await asyncio.sleep(0)
        assert ending != "error" or isinstance(task.exception(), ConnectionResetError)

    kept: list[weakref.ref[Any]] = []
    ours, theirs = tcp_pair(socket.AF_INET)
    ours.setblocking(False)
    gc.disable()
    try:
        with ours, theirs:
            any_tasks.run_until_complete(main(ours, theirs))
            assert [each() for each in kept] == [None, None], "without the garbage collector's help"
    finally:
        gc.enable()
