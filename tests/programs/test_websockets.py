"""The websockets library, server and client: many small messages, and a large one."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError

from tests.programs.conftest import MEGABYTE, RunProgram, address_of


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def test_a_thousand_messages_come_back_in_order(run_program: RunProgram, listener: socket.socket) -> None:
    async def main() -> list[str | bytes]:
        async with (
            serve(echo, sock=listener),
            connect(f"ws://{address_of(listener)}", proxy=None) as connection,
            asyncio.TaskGroup() as group,
        ):

            async def send() -> None:
                for number in range(1_000):
                    await connection.send(f"message {number}")

            group.create_task(send())
            return [await connection.recv() for _ in range(1_000)]

    assert run_program(main()) == [f"message {number}" for number in range(1_000)]


def test_a_message_of_a_megabyte_comes_back_whole(
    run_program: RunProgram, listener: socket.socket, certificate: trustme.LeafCert, trusting: ssl.SSLContext
) -> None:
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(own)

    async def main() -> str | bytes:
        async with (
            serve(echo, sock=listener, ssl=own, compression=None),
            connect(f"wss://{address_of(listener)}", ssl=trusting, proxy=None) as connection,
        ):
            await connection.send(MEGABYTE)
            return await connection.recv()

    assert run_program(main()) == MEGABYTE


def test_a_handler_that_fails_is_a_close_code_to_the_client(
    run_program: RunProgram, listener: socket.socket
) -> None:
    async def refuse(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1011, "not today")

    async def main() -> tuple[int, str]:
        async with (
            serve(refuse, sock=listener),
            connect(f"ws://{address_of(listener)}", proxy=None) as connection,
        ):
            await connection.send("please")
            with pytest.raises(ConnectionClosedError):
                await connection.recv()
            return connection.close_code, connection.close_reason

    assert run_program(main()) == (1011, "not today")
