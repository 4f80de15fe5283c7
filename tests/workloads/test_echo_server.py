"""The echo server, on a loop and by hand."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from lab.workloads import echo_server
from lab.workloads.contract import ServedWorkload
from lab.workloads.echo import EchoBuffered, EchoProtocols, EchoSockets, EchoStreams
from lab.workloads.echo_server import LARGEST_READ_BYTES, RECV_BYTES
from lab.workloads.held import Held
from lab.workloads.idle import Idle
from lab.workloads.readiness import Readiness, open_readiness
from lab.workloads.tls import SERVER_NAME, client_context
from tests.workloads.ending import Told, UntilTold

LARGE = bytes(range(256)) * 20_000
"""More than the socket buffers of both sides hold."""


@contextmanager
def served_by_hand(
    mechanism: Callable[[], Readiness],
    monkeypatch: pytest.MonkeyPatch,
    open_listener: Callable[[], socket.socket] = lambda: socket.create_server(("127.0.0.1", 0)),
    serve_by_hand: Callable[[socket.socket], object] = echo_server.serve_echo_by_hand,
) -> Iterator[tuple[str, int] | str]:
    """The address of a floor that runs in a thread until the block ends."""
    tell, told = socket.socketpair()
    monkeypatch.setattr(echo_server, "open_readiness", lambda: UntilTold(mechanism(), told))

    def serve() -> None:
        with suppress(Told):
            serve_by_hand(listener)

    with tell, told, open_listener() as listener:
        listener.setblocking(False)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            tell.send(b"!")
            thread.join()


def received(client: socket.socket, size: int) -> bytes:
    """Exactly ``size`` bytes, or what came before the end."""
    parts = bytearray()
    while len(parts) < size and (part := client.recv(size - len(parts))):
        parts += part
    return bytes(parts)


def send_all_then_read(client: socket.socket, message: bytes) -> bytes:
    """Send while nothing is read, as far as the server takes it; then read the echo."""
    sender = threading.Thread(target=client.sendall, args=(message,))
    sender.start()
    echo = received(client, len(message))
    sender.join()
    return echo


def test_the_floor_echoes_on_every_mechanism(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        served_by_hand(mechanism, monkeypatch) as address,
        socket.create_connection(address) as first,
        socket.create_connection(address) as second,
    ):
        second.sendall(b"second")
        first.sendall(b"first")
        assert received(first, 5) == b"first"
        assert received(second, 6) == b"second"


def test_the_floor_keeps_what_the_peer_does_not_take_yet(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_by_hand(mechanism, monkeypatch) as address, socket.create_connection(address) as client:
        assert send_all_then_read(client, LARGE) == LARGE
        client.sendall(b"and on")
        assert received(client, 6) == b"and on"


def test_what_a_peer_does_not_take_yet_is_its_own_whoever_else_is_read(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        served_by_hand(mechanism, monkeypatch, serve_by_hand=EchoProtocols().serve_by_hand) as address,
        socket.create_connection(address) as slow,
        socket.create_connection(address) as other,
    ):
        slow.setblocking(False)
        unsent = memoryview(LARGE)
        for message in (bytes([number]) * 50_000 for number in range(10)):
            with suppress(BlockingIOError):
                while unsent:
                    unsent = unsent[slow.send(unsent) :]
            other.sendall(message)
            assert received(other, len(message)) == message
        slow.setblocking(True)
        taken = len(LARGE) - len(unsent)
        assert received(slow, taken) == LARGE[:taken]


class NotingListener(socket.socket):
    """What it accepts notes how much it is asked for at once."""

    def __init__(self) -> None:
        super().__init__(fileno=socket.create_server(("127.0.0.1", 0)).detach())
        self.asked: list[int] = []

    def accept(self) -> tuple[socket.socket, object]:
        accepted, address = super().accept()
        asked = self.asked

        class Noting(socket.socket):
            def recv_into(self, buffer: bytearray) -> int:
                asked.append(len(buffer))
                return super().recv_into(buffer)

        return Noting(fileno=accepted.detach()), address


@pytest.mark.parametrize(
    ("work", "read_bytes"),
    [
        (EchoSockets(), RECV_BYTES),
        (Idle(), RECV_BYTES),
        (EchoBuffered(), RECV_BYTES),
        (EchoProtocols(), LARGEST_READ_BYTES),
        (EchoStreams(), LARGEST_READ_BYTES),
        (Held(), LARGEST_READ_BYTES),
    ],
    ids=lambda value: value.name if isinstance(value, ServedWorkload) else "",
)
def test_the_floor_asks_for_what_the_server_does_or_the_most_where_transports_choose(
    work: ServedWorkload, read_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = NotingListener()
    with (
        served_by_hand(open_readiness, monkeypatch, lambda: listener, work.serve_by_hand) as address,
        socket.create_connection(address) as client,
    ):
        client.sendall(b"message")
        assert received(client, 7) == b"message"
    assert set(listener.asked) == {read_bytes}


def test_the_floor_closes_what_the_peer_has_closed(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served_by_hand(mechanism, monkeypatch) as address, socket.create_connection(address) as client:
        client.sendall(b"last")
        client.shutdown(socket.SHUT_WR)
        assert received(client, 100) == b"last"


def test_the_floor_serves_unix_sockets(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:

        def listen() -> socket.socket:
            return socket.create_server(f"{folder}/echo", family=socket.AF_UNIX)

        with (
            served_by_hand(mechanism, monkeypatch, listen) as address,
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.connect(address)
            for message in (LARGE, b"and on"):
                assert send_all_then_read(client, message) == message


def test_the_floor_serves_tls_and_closes_what_the_peer_has_closed(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        served_by_hand(mechanism, monkeypatch, serve_by_hand=EchoProtocols("tls").serve_by_hand) as address,
        socket.create_connection(address) as plain,
        client_context().wrap_socket(plain, server_hostname=SERVER_NAME) as client,
    ):
        for message in (b"first", LARGE, b"and on"):
            client.sendall(message)
            assert received(client, len(message)) == message
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


async def echo_on_a_loop(message: bytes) -> bytes:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server = asyncio.create_task(echo_server.serve_echo(listener))
        with socket.create_connection(listener.getsockname()) as client:
            echo = await asyncio.to_thread(send_all_then_read, client, message)
            client.shutdown(socket.SHUT_WR)
            assert await asyncio.to_thread(client.recv, 1) == b""
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server
    return echo


@pytest.mark.parametrize("message", [b"x", LARGE], ids=["small", "large"])
def test_the_server_on_a_loop_echoes_and_closes(message: bytes) -> None:
    assert asyncio.run(echo_on_a_loop(message)) == message


def test_an_error_in_one_connection_ends_the_server() -> None:
    class BrokenLoop(asyncio.SelectorEventLoop):
        async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
            raise ValueError("broken")

    async def connect_once() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            with socket.create_connection(listener.getsockname()):
                await echo_server.serve_echo(listener)

    with asyncio.Runner(loop_factory=BrokenLoop) as runner, pytest.raises(ExceptionGroup) as caught:
        runner.run(connect_once())
    assert [str(error) for error in caught.value.exceptions] == ["broken"]
