"""Pipes, FIFOs, sockets and terminals that close themselves, and protocols at their ends."""

from __future__ import annotations

import contextlib
import os
import socket
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loop.recording import Recorder, StreamRecorder

Ends = tuple[Any, Any]
"""The file that is read, and the one that is written; unbuffered."""


def files(reading: int, writing: int) -> Ends:
    return open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)


def pipe_ends(tmp_path: Path) -> Ends:
    return files(*os.pipe())


def fifo_ends(tmp_path: Path) -> Ends:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return files(reading, os.open(path, os.O_WRONLY))


def socket_ends(tmp_path: Path) -> Ends:
    left, right = socket.socketpair()
    return files(left.detach(), right.detach())


def terminal_ends(tmp_path: Path) -> Ends:
    master, slave = os.openpty()
    tty.setraw(slave)
    return files(master, slave)


KINDS = {"pipe": pipe_ends, "fifo": fifo_ends, "socket": socket_ends, "terminal": terminal_ends}


@pytest.fixture
def new_ends(tmp_path: Path) -> Iterator[Callable[..., Ends]]:
    """Make the two ends of one of `KINDS`; what the test leaves open is closed."""
    with contextlib.ExitStack() as closing:

        def make(kind: str = "pipe") -> Ends:
            ends = KINDS[kind](tmp_path)
            for file in ends:
                closing.enter_context(file)
            return ends

        yield make


@pytest.fixture
def ends(new_ends: Callable[..., Ends]) -> Ends:
    return new_ends()


@contextlib.asynccontextmanager
async def reading(loop: Any, file: Any, kind: type[StreamRecorder] = StreamRecorder) -> AsyncIterator[Any]:
    """The protocol that reads ``file``; its transport is closed at the end."""
    transport, protocol = await loop.connect_read_pipe(kind, file)
    try:
        yield protocol
    finally:
        transport.close()
        await protocol.log.until_lost()


@contextlib.asynccontextmanager
async def writing(loop: Any, file: Any, kind: type[Recorder] = Recorder) -> AsyncIterator[Any]:
    """The same for one that writes."""
    transport, protocol = await loop.connect_write_pipe(kind, file)
    try:
        yield protocol
    finally:
        transport.abort()
        await protocol.log.until_lost()
