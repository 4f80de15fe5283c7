"""What the connecting methods refuse, in asyncio's words."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import beside_asyncio

Call = Callable[[Any], Any]


BAD_CALLS: dict[str, Call] = {
    "nothing": lambda loop: loop.create_connection(asyncio.Protocol),
    "host and sock": lambda loop: loop.create_connection(asyncio.Protocol, "h", 1, sock=socket.socket()),
    "hostname without tls": lambda loop: loop.create_connection(
        asyncio.Protocol, "h", 1, server_hostname="x"
    ),
    "tls without a host": lambda loop: loop.create_connection(asyncio.Protocol, ssl=True),
    "handshake without tls": lambda loop: loop.create_connection(
        asyncio.Protocol, "h", 1, ssl_handshake_timeout=1
    ),
    "shutdown without tls": lambda loop: loop.create_connection(
        asyncio.Protocol, "h", 1, ssl_shutdown_timeout=1
    ),
    "unix without a path": lambda loop: loop.create_unix_connection(asyncio.Protocol),
    "unix path and sock": lambda loop: loop.create_unix_connection(
        asyncio.Protocol, "p", sock=socket.socket()
    ),
    "unix tls without hostname": lambda loop: loop.create_unix_connection(asyncio.Protocol, "p", ssl=True),
    "unix hostname without tls": lambda loop: loop.create_unix_connection(
        asyncio.Protocol, "p", server_hostname="x"
    ),
    "unix handshake without tls": lambda loop: loop.create_unix_connection(
        asyncio.Protocol, "p", ssl_handshake_timeout=1
    ),
    "nobody at the path": lambda loop: loop.create_unix_connection(asyncio.Protocol, "/nonexistent/socket"),
    "a negative handshake": lambda loop: loop.create_connection(
        asyncio.Protocol, "127.0.0.1", 1, ssl=True, ssl_handshake_timeout=-1
    ),
    "an impossible port": lambda loop: loop.create_connection(asyncio.Protocol, "127.0.0.1", 70_000),
}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
def test_wrong_arguments_are_refused_in_asyncios_words(any_tasks: Loop, call: Call) -> None:
    def on(loop: Any, log: list[Any]) -> Any:
        async def main() -> None:
            try:
                await call(loop)
            except (ValueError, TypeError, OSError, OverflowError) as error:
                log.append((type(error), str(error)))

        return main()

    ours: list[Any] = []
    any_tasks.run_until_complete(on(any_tasks, ours))
    assert ours == beside_asyncio(on)
    assert ours


@pytest.mark.parametrize("method", ["create_connection", "connect_accepted_socket", "create_unix_connection"])
def test_only_plain_stream_sockets_are_taken(any_tasks: Loop, method: str) -> None:
    async def refused(sock: socket.socket, error: type[Exception], words: str) -> None:
        with sock, pytest.raises(error, match=words):
            await getattr(any_tasks, method)(asyncio.Protocol, sock=sock)

    async def main() -> None:
        await refused(socket.socket(type=socket.SOCK_DGRAM), ValueError, "Stream Socket was expected")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        tls = context.wrap_socket(socket.socket(), do_handshake_on_connect=False)
        await refused(tls, TypeError, "SSLSocket")
        if method == "create_unix_connection":
            await refused(socket.socket(), ValueError, "UNIX Domain Stream Socket was expected")

    any_tasks.run_until_complete(main())
