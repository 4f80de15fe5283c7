"""``add_reader`` and ``add_writer``, and what becomes of descriptors that are closed, reused, duplicated."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, beside_asyncio, run_turns, turns

NewPair = Callable[..., Pair]


# -- one descriptor ------------------------------------------------------------------------------------


def test_a_callback_is_called_as_long_as_there_is_something_to_read(loop: Loop, pair: Pair) -> None:
    """Level-triggered, whatever the backend is."""
    got: list[bytes] = []
    loop.add_reader(pair[0], lambda: got.append(pair[0].recv(1)))
    pair[1].send(b"abc")
    run_turns(loop, 6)
    assert got == [b"a", b"b", b"c"]
    assert loop.remove_reader(pair[0])
    pair[1].send(b"d")
    run_turns(loop, 3)
    assert got == [b"a", b"b", b"c"]


def test_reader_and_writer_of_one_descriptor_are_told_apart(loop: Loop, pair: Pair) -> None:
    log: list[str] = []
    loop.add_writer(pair[0], lambda: (log.append("write"), loop.remove_writer(pair[0])))
    loop.add_reader(pair[0], lambda: (log.append("read"), pair[0].recv(100)))
    pair[1].send(b"!")
    run_turns(loop, 3)
    assert log == ["read", "write"]
    pair[1].send(b"!")
    run_turns(loop, 3)
    assert log == ["read", "write", "read"]
    loop.remove_reader(pair[0])


def test_the_peers_half_close_makes_no_full_socket_writable(loop: Loop, pair: Pair) -> None:
    log: list[str] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            pair[0].send(bytes(4_096))
    pair[1].shutdown(socket.SHUT_WR)
    loop.add_writer(pair[0], log.append, "write")
    run_turns(loop, 3)
    assert log == []
    pair[1].recv(1 << 20)
    run_turns(loop, 3)
    assert set(log) == {"write"}
    loop.remove_writer(pair[0])


def test_a_replaced_callback_is_not_called_again(loop: Loop, pair: Pair) -> None:
    log: list[str] = []
    loop.add_reader(pair[0], log.append, "old")
    pair[1].send(b"!")
    run_turns(loop, 3)
    assert set(log) == {"old"}
    log.clear()
    loop.add_reader(pair[0], lambda: (log.append("new"), pair[0].recv(100)))
    run_turns(loop, 3)
    assert log == ["new"]
    loop.remove_reader(pair[0])


def test_a_callback_may_take_its_own_place(loop: Loop, pair: Pair) -> None:
    ours, theirs = pair
    log: list[str] = []

    def first() -> None:
        log.append("first")
        loop.remove_reader(ours)
        loop.add_reader(ours, second)

    def second() -> None:
        log.append("second")
        loop.add_reader(ours, third)

    def third() -> None:
        log.append("third")
        ours.recv(100)

    loop.add_reader(ours, first)
    theirs.send(b"!")
    run_turns(loop, 5)
    loop.remove_reader(ours)
    assert log == ["first", "second", "third"]


def test_removing_tells_whether_there_was_something(loop: Loop, run: Run, pair: Pair) -> None:
    def program(tested: Any, log: list[Any]) -> None:
        fd = pair[0].fileno()
        log.append((tested.remove_reader(fd), tested.remove_writer(fd)))
        tested.add_reader(fd, print)
        log.append((tested.remove_writer(fd), tested.remove_reader(fd), tested.remove_reader(fd)))

    log: list[Any] = []
    program(loop, log)
    assert log == beside_asyncio(program)
    run(loop.sock_sendall(pair[1], b"!"))
    run(loop.sock_recv(pair[0], 100))
    assert not loop.remove_reader(pair[0]), "nothing was added by the user"


@pytest.mark.parametrize("bad", [-1, "stdin", None, object()])
def test_what_is_no_descriptor_is_refused(any_tasks: Loop, bad: Any) -> None:
    with pytest.raises(ValueError, match="Invalid file"):
        any_tasks.add_reader(bad, print)


# -- several in one report -----------------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True])
def test_a_callback_removes_the_other_of_the_same_report(loop: Loop, new_pair: NewPair, again: bool) -> None:
    """Removed, it is not called; added anew, it is called, but no earlier than in the next turn."""
    (left, to_left), (right, to_right) = new_pair(), new_pair()
    log: list[str] = []
    other = {left: right, right: left}

    def heed(sock: socket.socket) -> None:
        log.append("first")
        sock.recv(100)
        loop.remove_reader(other[sock])
        if again:
            loop.call_soon(log.append, "next turn")
            loop.add_reader(other[sock], lambda: (log.append("other"), other[sock].recv(100)))

    for sock in (left, right):
        loop.add_reader(sock, heed, sock)
    to_left.send(b"!")
    to_right.send(b"!")
    run_turns(loop, 4)
    for sock in (left, right):
        loop.remove_reader(sock)
    assert log == (["first", "next turn", "other"] if again else ["first"])


def test_a_number_reused_within_a_report_gets_no_event_of_its_predecessor(
    loop: Loop, new_pair: NewPair
) -> None:
    pairs = [new_pair(), new_pair()]
    log: list[str] = []

    def heed(mine: int) -> None:
        log.append("closes the other")
        loop.remove_reader(pairs[mine][0])
        other = pairs[1 - mine][0]
        fd = other.fileno()
        other.close()
        reused = next(sock for sock in new_pair() if sock.fileno() == fd)
        loop.add_reader(reused, log.append, "called though there is nothing to read")

    for number, (sock, sender) in enumerate(pairs):
        loop.add_reader(sock, heed, number)
        sender.send(b"!")
    run_turns(loop, 4)
    for sock, _ in pairs:
        if sock.fileno() >= 0:
            loop.remove_reader(sock)
    assert log == ["closes the other"]


def test_a_task_that_waits_on_a_reused_number_gets_no_event_of_its_predecessor(
    loop: Loop, run: Run, new_pair: NewPair
) -> None:
    pairs = [new_pair(), new_pair()]

    async def receive(mine: int) -> bytes:
        await loop.sock_recv(pairs[mine][0], 100)
        other, peer = pairs[1 - mine]
        fd = other.fileno()
        other.close()
        left, right = new_pair()
        reused, peer = (left, right) if left.fileno() == fd else (right, left)
        loop.call_soon(loop.call_soon, peer.send, b"its own data")
        return await loop.sock_recv(reused, 100)

    async def main() -> list[Any]:
        tasks = [loop.create_task(receive(number)) for number in range(2)]
        await turns(2)
        for _, sender in pairs:
            sender.send(b"!")
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = run(main())
    assert b"its own data" in results
    assert [each.errno for each in results if isinstance(each, OSError)] == [errno.EBADF]


@pytest.mark.parametrize("before", ["replaced", "removed", "added"])
def test_a_callback_is_not_called_by_a_report_older_than_it(loop: Loop, pair: Pair, before: str) -> None:
    """Even where the other direction of the same descriptor is watched all along."""
    ours, theirs = pair
    log: list[str] = []

    def replace_writer() -> None:
        if before == "removed":
            loop.remove_writer(ours)
        loop.add_writer(ours, log.append, "new")
        loop.call_soon(log.append, "next turn")

    loop.add_reader(ours, replace_writer if before == "added" else int)
    if before != "added":
        loop.add_writer(ours, log.append, "old")
        loop.call_soon(replace_writer)
    theirs.send(b"!")
    run_turns(loop)
    assert log == []
    loop.remove_reader(ours)
    run_turns(loop)
    assert log == ["next turn", "new"]
    loop.remove_writer(ours)


# -- closed and reused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stale", ["add_reader", "add_writer"])
@pytest.mark.parametrize("by", ["add_reader", "add_writer", "sock_recv", "sock_sendall"])
def test_a_number_closed_without_removal_serves_its_next_file(
    loop: Loop, run: Run, new_pair: NewPair, stale: str, by: str
) -> None:
    """asyncio raises FileNotFoundError on epoll, or hangs."""

    async def main() -> Any:
        closed, peer = new_pair()
        fd = closed.fileno()
        getattr(loop, stale)(fd, int)
        await turns(2)
        closed.close()
        peer.close()
        left, right = new_pair()
        reused, peer = (left, right) if left.fileno() == fd else (right, left)
        assert reused.fileno() == fd
        return await use(loop, by, reused, peer)

    assert run(main()) == b"data"


async def use(loop: Loop, by: str, sock: socket.socket, peer: socket.socket) -> bytes:
    """Wait for ``sock`` in one of four ways, and return what its peer sent or got."""
    if by == "sock_recv":
        task = loop.create_task(loop.sock_recv(sock, 100))
        await turns(3)
        peer.send(b"data")
        return await task
    if by == "sock_sendall":
        sending = loop.create_task(loop.sock_sendall(sock, b"x" * 2_000_000 + b"data"))
        got = bytearray()
        while len(got) < 2_000_004:
            got += await loop.sock_recv(peer, 1_000_000)
        await sending
        return bytes(got[-4:])
    called = asyncio.Event()
    getattr(loop, by)(sock, called.set)
    peer.send(b"data")
    await called.wait()
    loop.remove_reader(sock)
    loop.remove_writer(sock)
    return sock.recv(100)


def test_a_detached_socket_in_a_new_object_works_on(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> list[bytes]:
        old, peer = pair
        got = []
        for number in range(3):
            peer.send(b"%d" % number)
            got.append(await loop.sock_recv(old, 100))
            old = socket.socket(fileno=old.detach())
            task = loop.create_task(loop.sock_recv(old, 100))
            await turns(2)
            peer.send(b"+")
            got.append(await task)
        old.close()
        return got

    assert run(main()) == [b"0", b"+", b"1", b"+", b"2", b"+"]
