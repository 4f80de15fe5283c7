"""What the serving methods refuse, in asyncio's words."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import beside_asyncio

BAD_CALLS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda loop: loop.create_server(asyncio.Protocol),
    "host and sock": lambda loop: loop.create_server(asyncio.Protocol, "127.0.0.1", 0, sock=socket.socket()),
    "tls by default": lambda loop: loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=True),
    "no tls by default": lambda loop: loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=False),
    "handshake without tls": lambda loop: loop.create_server(
        asyncio.Protocol, "127.0.0.1", 0, ssl_handshake_timeout=1
    ),
    "shutdown without tls": lambda loop: loop.create_server(
        asyncio.Protocol, "127.0.0.1", 0, ssl_shutdown_timeout=1
    ),
    "datagrams": lambda loop: loop.create_server(
        asyncio.Protocol, sock=socket.socket(type=socket.SOCK_DGRAM)
    ),
    "unix without a path": lambda loop: loop.create_unix_server(asyncio.Protocol),
    "unix path and sock": lambda loop: loop.create_unix_server(
        asyncio.Protocol, "path", sock=socket.socket()
    ),
    "unix tls by default": lambda loop: loop.create_unix_server(asyncio.Protocol, "path", ssl=True),
    "unix handshake without tls": lambda loop: loop.create_unix_server(
        asyncio.Protocol, "path", ssl_handshake_timeout=1
    ),
    "no folder for the path": lambda loop: loop.create_unix_server(asyncio.Protocol, "/nonexistent/socket"),
}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
def test_wrong_arguments_are_refused_in_asyncios_words(any_tasks: Loop, call: Callable[[Any], Any]) -> None:
    def on(loop: Any, log: list[Any]) -> Any:
        async def main() -> None:
            try:
                await call(loop)
            except (ValueError, TypeError, OSError) as error:
                log.append((type(error), str(error).partition("fd=")[0]))

        return main()

    ours: list[Any] = []
    any_tasks.run_until_complete(on(any_tasks, ours))
    assert ours == beside_asyncio(on)
    assert ours
