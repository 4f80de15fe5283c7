"""Accepting and connecting: bursts, refusals, names, every family."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, tcp_pair, turns


def client() -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    return sock


async def accept(loop: Loop, listener: socket.socket) -> tuple[bytes, bool]:
    """What the accepted connection brings, and whether it blocks."""
    sock, _ = await loop.sock_accept(listener)
    with sock:
        return await loop.sock_recv(sock, 100), sock.getblocking()


def test_who_connects_is_accepted(loop: Loop, run: Run, listener: socket.socket) -> None:
    async def main() -> tuple[bytes, bool]:
        accepting = loop.create_task(accept(loop, listener))
        await turns(2)
        with client() as sock:
            await loop.sock_connect(sock, listener.getsockname())
            await loop.sock_sendall(sock, b"hello")
            return await accepting

    assert run(main()) == (b"hello", False)


@pytest.mark.parametrize("accepting_before", [False, True])
def test_a_burst_of_connections_is_accepted_to_the_last(
    loop: Loop, run: Run, listener: socket.socket, accepting_before: bool
) -> None:
    """Edge-triggered, all fifty are one report."""

    async def main() -> list[bytes]:
        with contextlib.ExitStack() as closing:
            if accepting_before:
                first = loop.create_task(accept(loop, listener))
                await turns(2)
            for number in range(50):
                sock = closing.enter_context(socket.create_connection(listener.getsockname()))
                sock.send(b"%d" % number)
            got = [await first] if accepting_before else []
            while len(got) < 50:
                got.append(await accept(loop, listener))
            return [data for data, _ in got]

    assert run(main()) == [b"%d" % number for number in range(50)]


def test_several_tasks_accept_from_one_listener(loop: Loop, run: Run, listener: socket.socket) -> None:
    async def main() -> list[bytes]:
        tasks = [loop.create_task(accept(loop, listener)) for _ in range(10)]
        await turns(2)
        with contextlib.ExitStack() as closing:
            for number in range(10):
                sock = closing.enter_context(socket.create_connection(listener.getsockname()))
                sock.send(b"%d" % number)
            return sorted(data for data, _ in await asyncio.gather(*tasks))

    assert run(main()) == [b"%d" % number for number in range(10)]


def test_a_cancelled_accept_loses_no_connection(loop: Loop, run: Run, listener: socket.socket) -> None:
    async def main() -> bytes:
        accepting = loop.create_task(loop.sock_accept(listener))
        await turns(2)
        accepting.cancel()
        with socket.create_connection(listener.getsockname()) as sock:
            sock.send(b"hello")
            await turns(2)
            assert accepting.cancelled()
            return (await accept(loop, listener))[0]

    assert run(main()) == b"hello"


def test_a_refused_connection_says_so(loop: Loop, run: Run, listener: socket.socket) -> None:
    address = listener.getsockname()
    listener.close()
    with client() as sock:
        with pytest.raises(ConnectionRefusedError):
            run(loop.sock_connect(sock, address))
        assert sock.fileno() not in loop.backend.interest


def test_a_connection_is_made_by_name(loop: Loop, run: Run, listener: socket.socket) -> None:
    host, port = listener.getsockname()
    for address in (("localhost", port), (host, str(port))):
        with client() as sock:
            run(loop.sock_connect(sock, address))
            assert sock.getpeername() == (host, port)
    run(loop.shutdown_default_executor())


def test_a_name_without_an_address_is_an_error(any_tasks: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any, **__: Any) -> list[Any]:
        return []

    monkeypatch.setattr(any_tasks, "getaddrinfo", nothing)
    with client() as sock, pytest.raises(OSError, match=r"found no address of 'nowhere'|returned empty"):
        any_tasks.run_until_complete(any_tasks.sock_connect(sock, ("nowhere", 80)))


def test_an_address_without_a_port_is_refused(any_tasks: Loop) -> None:
    with client() as sock, pytest.raises(ValueError, match="not enough values"):
        any_tasks.run_until_complete(any_tasks.sock_connect(sock, ("127.0.0.1",)))


def test_ipv6_works_where_it_exists(loop: Loop, run: Run) -> None:
    try:
        left, right = tcp_pair(socket.AF_INET6)
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        pytest.skip(f"no IPv6 here: {error}")
    with left, right, socket.socket(socket.AF_INET6) as listener, socket.socket(socket.AF_INET6) as sock:
        listener.bind(("::1", 0))
        listener.listen()
        sock.setblocking(False)
        run(loop.sock_connect(sock, listener.getsockname()))
        assert sock.getpeername()[:2] == listener.getsockname()[:2]


def test_unix_sockets_connect_by_path(loop: Loop, run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def main() -> tuple[bytes, bool]:
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as sock:
            for each in (listener, sock):
                each.setblocking(False)
            with pytest.raises(FileNotFoundError):
                await loop.sock_connect(sock, path)
            listener.bind(path)
            listener.listen()
            accepting = loop.create_task(accept(loop, listener))
            await loop.sock_connect(sock, path)
            await loop.sock_sendall(sock, b"hello")
            return await accepting

    assert run(main()) == (b"hello", False)


def test_a_failed_connect_keeps_no_interest_and_the_number_is_free(
    loop: Loop, run: Run, listener: socket.socket
) -> None:
    address = listener.getsockname()
    listener.close()

    async def main() -> int:
        failures = 0
        for _ in range(20):
            with client() as sock:
                try:
                    await loop.sock_connect(sock, address)
                except ConnectionRefusedError:
                    failures += 1
        return failures

    before = dict(loop.backend.interest)
    assert run(main()) == 20
    assert dict(loop.backend.interest) == before
