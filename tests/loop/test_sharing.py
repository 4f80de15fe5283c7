"""One socket, many tasks and callbacks: who stands in line, who replaces whom, what the end of it is."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, beside_asyncio, turns

Tasks = list[asyncio.Task[Any]]


def collecting(loop: Loop, sock: socket.socket, count: int, into: list[Any], size: int = 100) -> Tasks:
    """Tasks that each receive once; ``into`` gets (the task's number, what it got)."""

    async def receive(number: int) -> None:
        into.append((number, await loop.sock_recv(sock, size)))

    return [loop.create_task(receive(number)) for number in range(count)]


def test_tasks_that_read_one_socket_take_turns(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> list[int]:
        got: list[int] = []

        async def receive(number: int) -> None:
            for _ in range(4):
                await loop.sock_recv(pair[0], 100)
                got.append(number)

        tasks = [loop.create_task(receive(number)) for number in range(3)]
        for _ in range(12):
            await turns(6)
            pair[1].send(b"!")
        await asyncio.gather(*tasks)
        return got

    assert run(main()) == [0, 1, 2] * 4


def test_what_one_task_leaves_is_for_the_next_in_line(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> list[tuple[int, bytes]]:
        got: list[tuple[int, bytes]] = []
        tasks = collecting(loop, pair[0], 5, got, size=1)
        await turns(2)
        pair[1].send(b"abcde")
        await asyncio.gather(*tasks)
        return got

    assert run(main()) == [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"d"), (4, b"e")]


@pytest.mark.parametrize("cancelled", [{0}, {1}, {0, 1}, {1, 2}, {0, 2}])
def test_a_cancelled_task_does_not_block_the_line(
    loop: Loop, run: Run, pair: Pair, cancelled: set[int]
) -> None:
    async def main() -> list[int]:
        got: list[tuple[int, bytes]] = []
        tasks = collecting(loop, pair[0], 4, got)
        await turns(2)
        for number in cancelled:
            tasks[number].cancel()
        for _ in range(4 - len(cancelled)):
            await turns(6)
            pair[1].send(b"!")
        await asyncio.gather(*tasks, return_exceptions=True)
        return [number for number, _ in got]

    assert run(main()) == [number for number in range(4) if number not in cancelled]


def test_who_is_cancelled_when_it_is_its_go_passes_it_on(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> list[tuple[int, bytes]]:
        got: list[tuple[int, bytes]] = []
        tasks = collecting(loop, pair[0], 3, got)
        await turns(2)
        tasks[0].add_done_callback(lambda _: tasks[1].cancel())
        pair[1].send(b"first")
        await tasks[0]
        await turns(6)
        pair[1].send(b"second")
        await tasks[2]
        return got

    assert run(main()) == [(0, b"first"), (2, b"second")]


def test_messages_of_tasks_that_wait_are_sent_one_after_the_other(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    """asyncio lets all but the last of them hang."""
    ours, theirs = new_pair(buffer=4_096)
    messages = [letter * 200_000 for letter in (b"a", b"b", b"c")]

    async def main() -> bytes:
        tasks = []
        for message in messages:
            tasks.append(loop.create_task(loop.sock_sendall(ours, message)))
            await turns(2)
        got = bytearray()
        while len(got) < 600_000:
            got += await loop.sock_recv(theirs, 100_000)
        await asyncio.gather(*tasks)
        return bytes(got)

    assert run(main()) == b"".join(messages)


# -- closing -------------------------------------------------------------------------------------------


def test_a_wait_for_a_socket_that_is_closed_ends_when_its_number_is_reused(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    """select and poll tell it at once; epoll and kqueue forget a closed descriptor without a word."""

    async def main() -> int | None:
        ours, theirs = new_pair()
        fd = ours.fileno()
        tasks = [loop.create_task(loop.sock_recv(ours, 100)) for _ in range(2)]
        await turns(2)
        ours.close()
        theirs.close()
        reused = next(sock for sock in new_pair() if sock.fileno() == fd)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await loop.sock_recv(reused, 100)
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        return {getattr(each, "errno", None) for each in failures}.pop()

    assert run(main()) == errno.EBADF


def test_those_in_line_for_a_closed_socket_harm_no_other(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    async def main() -> tuple[bytes, Any]:
        ours, theirs = new_pair()
        fd = ours.fileno()
        first, second = (loop.create_task(loop.sock_recv(ours, 100)) for _ in range(2))
        await turns(2)
        ours.close()
        theirs.close()
        left, right = new_pair()
        reused, peer = (left, right) if left.fileno() == fd else (right, left)
        receiving = loop.create_task(loop.sock_recv(reused, 100))
        await turns(2)
        first.cancel()
        await turns(4)
        peer.send(b"for the new one")
        (_, failure) = await asyncio.gather(first, second, return_exceptions=True)
        return await receiving, failure.errno

    assert run(main()) == (b"for the new one", errno.EBADF)


def test_removing_tells_of_a_coroutine_that_waits_too(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    def program(tested: Any, log: list[Any]) -> Any:
        async def main() -> None:
            (sock, _) = new_pair()
            waiting = tested.create_task(tested.sock_recv(sock, 100))
            await turns(2)
            log.append((tested.remove_reader(sock), tested.remove_reader(sock)))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        return main()

    log: list[Any] = []
    run(program(loop, log))
    assert log == beside_asyncio(program) == [(True, False)]


def test_a_coroutine_that_need_not_wait_leaves_the_callback_alone(loop: Loop, run: Run, pair: Pair) -> None:
    """One that waits takes its place, both as in asyncio."""
    got: list[bytes] = []

    async def main() -> bytes:
        loop.add_reader(pair[0], lambda: got.append(pair[0].recv(100)))
        pair[1].send(b"one")
        assert await loop.sock_recv(pair[0], 100) == b"one"
        pair[1].send(b"two")
        await turns(3)
        waiting = loop.create_task(loop.sock_recv(pair[0], 100))
        await turns(2)
        pair[1].send(b"three")
        return await waiting

    assert run(main()) == b"three"
    assert got == [b"two"]
    assert not loop.remove_reader(pair[0])


def test_a_cancelled_send_leaves_the_writer_that_replaced_it(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> bool:
        sending = loop.create_task(loop.sock_sendall(pair[0], bytes(4_000_000)))
        await turns(2)
        writable = asyncio.Event()
        loop.add_writer(pair[0], lambda: (writable.set(), loop.remove_writer(pair[0])))
        sending.cancel()
        await turns(2)
        with contextlib.suppress(BlockingIOError):
            while pair[1].recv(1_000_000):
                pass
        await writable.wait()
        return sending.cancelled()

    assert run(main())


@pytest.mark.parametrize("use", ["sock_recv", "sock_sendall"])
def test_a_loop_closed_over_tasks_that_wait_ends_in_peace(
    pair: Pair, reports: list[dict[str, Any]], use: str
) -> None:
    """One waits, two stand in line; then all are destroyed, which asyncio reports too."""
    loop = Loop()
    loop.set_exception_handler(lambda _, report: reports.append(report))
    argument = 100 if use == "sock_recv" else bytes(4_000_000)
    tasks = [loop.create_task(getattr(loop, use)(pair[0], argument)) for _ in range(3)]
    loop.run_until_complete(turns(3))
    loop.close()
    tasks.clear()
    gc.collect()
    assert [report["message"] for report in reports] == ["Task was destroyed but it is pending!"] * 3
