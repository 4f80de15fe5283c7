"""uvicorn under httpx (which is anyio underneath), with and without TLS, and on its command line."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trustme
import uvicorn

from tests.codebase import ROOT
from tests.programs.asgi import application
from tests.programs.conftest import MEGABYTE, RunProgram, address_of


@pytest.fixture(params=("http", "https"))
def server(
    request: pytest.FixtureRequest, certificate: trustme.LeafCert, tmp_path: Path
) -> tuple[str, uvicorn.Server]:
    """The scheme, and a server that speaks it on whatever loop runs it."""
    options = {}
    if request.param == "https":
        pem = tmp_path / "certificate.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(pem)
        options["ssl_certfile"] = pem
    config = uvicorn.Config(application, loop="none", lifespan="off", log_config=None, **options)
    return request.param, uvicorn.Server(config)


@contextlib.asynccontextmanager
async def serving(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def test_a_client_gets_what_it_sent(
    run_program: RunProgram,
    server: tuple[str, uvicorn.Server],
    listener: socket.socket,
    trusting: ssl.SSLContext,
) -> None:
    scheme, serves = server
    url = f"{scheme}://{address_of(listener)}"

    async def main() -> list[httpx.Response]:
        client = httpx.AsyncClient(base_url=url, verify=trusting, trust_env=False)
        async with serving(serves, listener), client:
            small = [client.post("/", content=b"%d" % number) for number in range(20)]
            return [*await asyncio.gather(*small), await client.post("/", content=MEGABYTE)]

    responses = run_program(main())
    assert {response.headers["x-scheme"] for response in responses} == {scheme}
    assert [response.content for response in responses] == [*(b"%d" % n for n in range(20)), MEGABYTE]


def test_its_command_line_takes_the_loop_by_name(listener: socket.socket) -> None:
    command = [sys.executable, "-m", "uvicorn", "--loop", "lab:new_event_loop"]
    command += ["--fd", str(listener.fileno()), "--lifespan", "off", "tests.programs.asgi:application"]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()], stderr=subprocess.PIPE) as process:
        try:
            answer = httpx.get(f"http://{address_of(listener)}/loop", trust_env=False, timeout=20)
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
    assert answer.text == "lab.loop.loop.Loop"
    assert b"Finished server process" in said
    assert b"Traceback" not in said
    assert process.returncode in (0, -signal.SIGTERM)
