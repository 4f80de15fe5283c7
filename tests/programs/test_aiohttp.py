"""aiohttp's server and client, which use transports, their flow control and timers directly."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.programs.conftest import MEGABYTE, RunProgram, address_of

PARTS = [b"%d " % number * 1_000 for number in range(50)]


async def greet(request: web.Request) -> web.Response:
    return web.Response(text=f"hello, {request.query['name']}")


async def digest(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(body=hashlib.sha256(body).digest() + body)


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for part in PARTS:
        await response.write(part)
    await response.write_eof()
    return response


async def echo(request: web.Request) -> web.WebSocketResponse:
    channel = web.WebSocketResponse()
    await channel.prepare(request)
    async for message in channel:
        await channel.send_str(message.data.upper())
    return channel


async def fail(request: web.Request) -> web.Response:
    raise web.HTTPConflict(text="not now")


@contextlib.asynccontextmanager
async def serving(listener: socket.socket) -> AsyncIterator[aiohttp.ClientSession]:
    """The server above on ``listener``, and a client of it."""
    app = web.Application(client_max_size=2 * len(MEGABYTE))
    app.add_routes([web.get("/", greet), web.post("/digest", digest), web.get("/stream", stream)])
    app.add_routes([web.get("/echo", echo), web.get("/fail", fail)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        async with aiohttp.ClientSession(f"http://{address_of(listener)}") as client:
            yield client
    finally:
        await runner.cleanup()


def test_a_page_is_served_to_many_clients_at_once(run_program: RunProgram, listener: socket.socket) -> None:
    async def main() -> list[str]:
        async with serving(listener) as client:

            async def get(name: int) -> str:
                async with client.get("/", params={"name": str(name)}) as response:
                    return await response.text()

            return await asyncio.gather(*map(get, range(50)))

    assert run_program(main()) == [f"hello, {name}" for name in range(50)]


def test_a_body_of_a_megabyte_comes_and_goes_whole(run_program: RunProgram, listener: socket.socket) -> None:
    async def main() -> bytes:
        async with serving(listener) as client, client.post("/digest", data=MEGABYTE) as response:
            return await response.read()

    assert run_program(main()) == hashlib.sha256(MEGABYTE).digest() + MEGABYTE


def test_a_response_is_streamed_in_order(run_program: RunProgram, listener: socket.socket) -> None:
    async def main() -> tuple[str, bytes]:
        async with serving(listener) as client, client.get("/stream") as response:
            parts = [part async for part in response.content.iter_any()]
            return response.headers["Transfer-Encoding"], b"".join(parts)

    assert run_program(main()) == ("chunked", b"".join(PARTS))


def test_a_websocket_answers_each_message_until_it_is_closed(
    run_program: RunProgram, listener: socket.socket
) -> None:
    async def main() -> tuple[list[str], int | None]:
        async with serving(listener) as client, client.ws_connect("/echo") as channel:
            answers = []
            for number in range(100):
                await channel.send_str(f"message {number}")
                answers.append(await channel.receive_str())
            await channel.close()
            return answers, channel.close_code

    assert run_program(main()) == ([f"MESSAGE {number}" for number in range(100)], 1000)


def test_an_error_reaches_the_client_and_the_connection_serves_on(
    run_program: RunProgram, listener: socket.socket
) -> None:
    async def main() -> list[tuple[int, str]]:
        answers = []
        async with serving(listener) as client:
            for path in ("/fail", "/nowhere", "/?name=you"):
                async with client.get(path) as response:
                    answers.append((response.status, await response.text()))
        return answers

    assert run_program(main()) == [(409, "not now"), (404, "404: Not Found"), (200, "hello, you")]


def test_a_client_that_nobody_answers_times_out(run_program: RunProgram, listener: socket.socket) -> None:
    async def main() -> None:
        timeout = aiohttp.ClientTimeout(total=0.01)
        async with aiohttp.ClientSession(f"http://{address_of(listener)}", timeout=timeout) as client:
            with pytest.raises(TimeoutError):
                await client.get("/")

    run_program(main())
