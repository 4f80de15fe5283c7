"""Connecting: whom to, from where, by which of several addresses, and what is said where that fails."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.streaming import receive, serving

NAME = "host.invalid"
"""A name that only the tests' own getaddrinfo knows."""


def infos(*addresses: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What getaddrinfo tells of TCP addresses."""
    families = [socket.AF_INET6 if ":" in address[0] else socket.AF_INET for address in addresses]
    return [
        (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)
        for family, address in zip(families, addresses, strict=True)
    ]


def refused_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a loop know the addresses of `NAME`, and of nothing else."""

    def know(loop: Any, *addresses: tuple[Any, ...]) -> None:
        async def getaddrinfo(host: Any, port: Any, **hints: Any) -> list[tuple[Any, ...]]:
            assert host == NAME, "a numeric address needs no look-up"
            return infos(*addresses)

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)

    return know


def test_numeric_addresses_are_not_looked_up(loop: Loop, run: Run, knowing: Callable[..., None]) -> None:
    knowing(loop)

    async def main() -> tuple[Any, Any]:
        async with serving(loop, StreamRecorder) as (_, address):
            transport, protocol = await loop.create_connection(StreamRecorder, *address)
            assert transport.get_extra_info("peername") == address
            nodelay = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.close()
            await protocol.log.until_lost()
            return nodelay, list(protocol.log)

    nodelay, log = run(main())
    assert nodelay
    assert log == ["connection_made", ("connection_lost", None)]


@pytest.mark.parametrize("options", [{}, {"happy_eyeballs_delay": 0.25}, {"interleave": 2}])
def test_all_addresses_of_a_name_are_tried(
    loop: Loop, run: Run, knowing: Callable[..., None], options: dict[str, Any]
) -> None:
    async def main() -> Any:
        async with serving(loop, StreamRecorder) as (_, address):
            knowing(loop, ("127.0.0.1", refused_port()), ("127.0.0.1", refused_port()), address)
            transport, _ = await loop.create_connection(StreamRecorder, NAME, 1, **options)
            transport.abort()
            await turns(2)
            return transport.get_extra_info("peername") == address

    assert run(main())


def test_an_address_that_does_not_answer_is_overtaken_by_the_next(
    loop: Loop, run: Run, knowing: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, tried = ("127.0.0.1", 9), {}
    sock_connect = loop.sock_connect

    async def connect(sock: socket.socket, address: Any) -> None:
        tried[address] = sock
        await (loop.create_future() if address == silent else sock_connect(sock, address))

    monkeypatch.setattr(loop, "sock_connect", connect)

    async def main() -> None:
        async with serving(loop, StreamRecorder) as (_, address):
            knowing(loop, silent, address)
            transport, _ = await loop.create_connection(StreamRecorder, NAME, 1, happy_eyeballs_delay=0.001)
            assert list(tried) == [silent, address]
            assert tried[silent].fileno() == -1, "the loser is closed"
            assert transport.get_extra_info("peername") == address
            transport.abort()
            await turns(2)

    run(main())


@pytest.mark.parametrize("options", [{}, {"happy_eyeballs_delay": 0.25}])
def test_where_all_fail_all_are_heard_of(
    any_tasks: Loop, knowing: Callable[..., None], options: dict[str, Any]
) -> None:
    ports = [refused_port(), refused_port()]

    async def attempt(**more: Any) -> Exception:
        with pytest.raises((OSError, ExceptionGroup)) as caught:
            await any_tasks.create_connection(StreamRecorder, NAME, 1, **options, **more)
        return caught.value

    async def main() -> None:
        knowing(any_tasks, *(("127.0.0.1", port) for port in ports))
        error = await attempt()
        assert str(error).startswith("Multiple exceptions: ")
        assert all(str(port) in str(error) for port in ports)
        group = await attempt(all_errors=True)
        assert isinstance(group, ExceptionGroup)
        assert [type(each) for each in group.exceptions] == [ConnectionRefusedError] * 2
        knowing(any_tasks, ("127.0.0.1", ports[0]), ("127.0.0.1", ports[0]))
        assert isinstance(await attempt(), ConnectionRefusedError)
        knowing(any_tasks)
        assert "empty list" in str(await attempt())

    any_tasks.run_until_complete(main())


def test_a_connection_can_come_from_a_chosen_address(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with serving(loop, StreamRecorder) as (_, address):
            port = refused_port()
            transport, _ = await loop.create_connection(
                StreamRecorder, *address, local_addr=("127.0.0.1", port)
            )
            assert transport.get_extra_info("sockname") == ("127.0.0.1", port)
            with pytest.raises(OSError, match=f"bind on address .*{port}") as caught:
                await loop.create_connection(StreamRecorder, *address, local_addr=("127.0.0.1", port))
            assert caught.value.errno == errno.EADDRINUSE
            transport.abort()
            await turns(2)

    run(main())


def test_a_source_of_another_family_does_not_do(loop: Loop, run: Run, knowing: Callable[..., None]) -> None:
    async def main() -> None:
        knowing(loop, ("::1", 1, 0, 0))
        with pytest.raises(OSError, match="no matching local address"):
            await loop.create_connection(StreamRecorder, "127.0.0.1", 1, local_addr=(NAME, 0))

    run(main())


def test_unix_sockets_connect_by_path_or_socket(loop: Loop, run: Run, tmp_path: Path, pair: Pair) -> None:
    async def main() -> list[bytes]:
        server = await loop.create_unix_server(StreamRecorder, tmp_path / "socket")
        transport, _ = await loop.create_unix_connection(StreamRecorder, tmp_path / "socket")
        assert transport.get_extra_info("peername") == str(tmp_path / "socket")
        own, _ = await loop.create_unix_connection(StreamRecorder, sock=pair[0])
        own.write(b"by socket")
        received = [await receive(loop, pair[1], 9)]
        transport.abort()
        own.abort()
        server.close()
        server.abort_clients()
        await server.wait_closed()
        await turns(2)
        return received

    assert run(main()) == [b"by socket"]


def test_a_factory_that_fails_costs_our_socket_and_leaves_a_given_one(
    loop: Loop, run: Run, listener: socket.socket, pair: Pair
) -> None:
    def factory() -> asyncio.Protocol:
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await loop.create_connection(factory, *listener.getsockname())
        accepted, _ = await loop.sock_accept(listener)
        with accepted:
            assert await loop.sock_recv(accepted, 1) == b"", "our socket is closed"
        with pytest.raises(ZeroDivisionError):
            await loop.create_connection(factory, sock=pair[0])
        assert pair[0].fileno() >= 0
        await loop.sock_sendall(pair[0], b"still open")
        assert await receive(loop, pair[1], 10) == b"still open"

    run(main())


def test_a_cancelled_connect_closes_its_socket(any_tasks: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = []

    async def never(sock: socket.socket, address: Any) -> None:
        sockets.append(sock)
        await any_tasks.create_future()

    monkeypatch.setattr(any_tasks, "sock_connect", never)

    async def main() -> None:
        for options in ({}, {"happy_eyeballs_delay": 0.0}):
            task = any_tasks.create_task(
                any_tasks.create_connection(StreamRecorder, "127.0.0.1", 1, **options)
            )
            await turns(3)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()

    any_tasks.run_until_complete(main())
    assert [sock.fileno() for sock in sockets] == [-1, -1]


def test_cancelled_while_the_protocol_is_introduced_the_connection_is_closed(
    loop: Loop, run: Run, pair: Pair
) -> None:
    async def main() -> list[Any]:
        protocol = StreamRecorder()
        task = loop.create_task(loop.create_connection(lambda: protocol, sock=pair[0]))
        await turns(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return list(await protocol.log.until_lost())

    assert run(main()) == ["connection_made", ("connection_lost", None)]
    assert pair[0].fileno() == -1


def test_an_accepted_socket_is_served(loop: Loop, run: Run, listener: socket.socket) -> None:
    async def main() -> bytes:
        with socket.create_connection(listener.getsockname()) as client:
            accepted, address = listener.accept()
            transport, protocol = await loop.connect_accepted_socket(StreamRecorder, accepted)
            assert transport.get_extra_info("peername") == address == client.getsockname()
            client.send(b"hello")
            await protocol.log.until(lambda _: protocol.data)
            transport.abort()
            await protocol.log.until_lost()
            return protocol.data

    assert run(main()) == b"hello"
