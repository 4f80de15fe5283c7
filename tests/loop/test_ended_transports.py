"""A transport that has ended is let go of at once, and does not wait for the garbage collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import ssl
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Run, turns
from tests.loop.pipes.conftest import files
from tests.loop.recording import DatagramRecorder, Recorder, StreamRecorder
from tests.loop.streams.certificates import contexts
from tests.loop.subprocesses.conftest import ProcessRecorder

Ended = list[weakref.ref[Any]]


async def stream(loop: Loop) -> Ended:
    ours, theirs = socket.socketpair()
    transport, protocol = await loop.create_connection(StreamRecorder, sock=ours)
    theirs.close()
    await protocol.log.until_lost()
    return [weakref.ref(transport)]


async def datagrams(loop: Loop) -> Ended:
    transport, protocol = await loop.create_datagram_endpoint(DatagramRecorder, local_addr=("127.0.0.1", 0))
    transport.close()
    await protocol.log.until_lost()
    return [weakref.ref(transport)]


async def pipe(loop: Loop) -> Ended:
    reading, writing = files(*os.pipe())
    reader, read = await loop.connect_read_pipe(StreamRecorder, reading)
    writer, written = await loop.connect_write_pipe(Recorder, writing)
    writer.write(b"last")
    writer.close()
    await written.log.until_lost()
    await read.log.until_lost()
    return [weakref.ref(reader), weakref.ref(writer)]


async def subprocess(loop: Loop) -> Ended:
    transport, protocol = await loop.subprocess_exec(ProcessRecorder, "true")
    pipes = [transport.get_pipe_transport(fd) for fd in range(3)]
    await protocol.log.until_lost()
    transport.close()
    return [weakref.ref(transport), *map(weakref.ref, pipes)]


async def failed_handshake(loop: Loop) -> Ended:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.send(b"not TLS at all")
        protocol = StreamRecorder()
        with contextlib.suppress(ssl.SSLError):
            await loop.connect_accepted_socket(lambda: protocol, ours, ssl=contexts().server)
    return [weakref.ref(protocol)]


async def failed_upgrade(loop: Loop) -> Ended:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.send(b"not TLS at all")
        transport, protocol = await loop.create_connection(asyncio.Protocol, sock=ours)
        with contextlib.suppress(ssl.SSLError):
            await loop.start_tls(transport, protocol, contexts().client, server_hostname="localhost")
    return [weakref.ref(transport)]


@pytest.mark.parametrize(
    "ended",
    [stream, datagrams, pipe, subprocess, failed_handshake, failed_upgrade],
    ids=lambda each: each.__name__,
)
def test_nothing_keeps_it(loop: Loop, run: Run, ended: Callable[[Loop], Awaitable[Ended]]) -> None:
    gc.disable()
    try:
        transports = run(ended(loop))
        run(turns(3))
        assert [each() for each in transports] == [None] * len(transports)
    finally:
        gc.enable()
