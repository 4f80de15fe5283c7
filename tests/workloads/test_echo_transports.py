"""Echo servers on transports, as they behave on asyncio's own loop."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress

import pytest

from lab.workloads.echo_transports import BufferedEchoProtocol, EchoProtocol, serve_protocol, serve_streams
from lab.workloads.tls import SERVER_NAME, client_context, server_context

Serve = Callable[[socket.socket, ssl.SSLContext | None], Coroutine[None, None, None]]

SERVERS: dict[str, Serve] = {
    "protocol": lambda listener, context: serve_protocol(listener, EchoProtocol, context),
    "buffered": lambda listener, context: serve_protocol(listener, BufferedEchoProtocol, context),
    "streams": serve_streams,
}
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
LARGE = bytes(range(256)) * 20_000
"""More than the socket buffers of both sides, and the transport's high-water mark, hold."""


@contextmanager
def listening(wire: str) -> Iterator[socket.socket]:
    """A listener that does not block."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = f"{folder}/echo"
        address, family = (path, socket.AF_UNIX) if wire == "unix" else (("127.0.0.1", 0), socket.AF_INET)
        with socket.create_server(address, family=family) as listener:
            listener.setblocking(False)
            yield listener


@contextmanager
def connected(address: tuple[str, int] | str, wire: str) -> Iterator[socket.socket]:
    """A blocking client."""
    with socket.socket(socket.AF_UNIX if wire == "unix" else socket.AF_INET) as plain:
        plain.connect(address)
        if wire != "tls":
            yield plain
            return
        with client_context().wrap_socket(plain, server_hostname=SERVER_NAME) as client:
            yield client


def exchange(address: tuple[str, int] | str, wire: str, message: bytes) -> bytes:
    """What comes back for ``message`` until the server has closed after us; it is read only when the server
    has taken all, or no more. From one thread: a TLS connection must not be read and written at once."""
    with connected(address, wire) as client:
        client.setblocking(False)
        unsent, echo = memoryview(message), bytearray()
        while len(echo) < len(message):
            _, writable, _ = select.select([client], [client] if unsent else [], [])
            with suppress(*WOULD_BLOCK):
                if writable:
                    unsent = unsent[client.send(unsent) :]
                    continue
                while part := client.recv(1 << 16):  # TLS may hold more than the descriptor tells
                    echo += part
                break
        client.setblocking(True)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    return bytes(echo)


async def serve_one_client(serve: Serve, wire: str, message: bytes) -> bytes:
    with listening(wire) as listener:
        server = asyncio.create_task(serve(listener, server_context() if wire == "tls" else None))
        echo = await asyncio.to_thread(exchange, listener.getsockname(), wire, message)
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server
    return echo


@pytest.mark.parametrize("message", [b"x", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("wire", ["tcp", "unix", "tls"])
@pytest.mark.parametrize("server", SERVERS)
def test_what_is_sent_comes_back_and_the_end_is_answered(server: str, wire: str, message: bytes) -> None:
    assert asyncio.run(serve_one_client(SERVERS[server], wire, message)) == message


class SlowTransport:
    """Keeps what is written, and notes whether it reads."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@pytest.mark.parametrize("protocol", [EchoProtocol, BufferedEchoProtocol])
def test_no_more_is_read_while_the_peer_does_not_take_its_echo(protocol: type) -> None:
    transport, echo = SlowTransport(), protocol()
    echo.connection_made(transport)
    echo.pause_writing()
    assert not transport.reading
    echo.resume_writing()
    assert transport.reading


def test_what_was_written_from_a_buffer_is_not_changed_by_the_next_read() -> None:
    transport, echo = SlowTransport(), BufferedEchoProtocol()
    echo.connection_made(transport)
    for message in (b"first", b"next!"):
        echo.get_buffer(-1)[:5] = message
        echo.buffer_updated(5)
    assert transport.written == [b"first", b"next!"]
