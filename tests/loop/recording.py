"""Protocols that write down what they are told, and let a test wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Log(list[Any]):
    """What happened, in order; ``until`` waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def note(self, *event: Any) -> None:
        """Add one event: its name alone, or (name, details)."""
        self.append(event[0] if len(event) == 1 else event)
        self._changed.set()

    async def until(self, condition: Callable[[Log], object]) -> Log:
        """Wait until ``condition`` holds for what happened so far, which is returned."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()
        return self

    async def until_lost(self) -> Log:
        """Wait for ``connection_lost``."""
        return await self.until(lambda log: any(name(event) == "connection_lost" for event in log))

    def named(self, wanted: str) -> list[Any]:
        """The details of all events of one name."""
        return [event[1] for event in self if isinstance(event, tuple) and event[0] == wanted]


def name(event: Any) -> str:
    """What an event is called."""
    return event[0] if isinstance(event, tuple) else event


class Recorder(asyncio.BaseProtocol):
    """Writes down the methods that all protocols have."""

    def __init__(self, log: Log | None = None) -> None:
        self.log = Log() if log is None else log
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.log.note("connection_made")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.log.note("connection_lost", exc)

    def pause_writing(self) -> None:
        self.log.note("pause_writing")

    def resume_writing(self) -> None:
        self.log.note("resume_writing")


class StreamRecorder(Recorder, asyncio.Protocol):
    """The same for a stream of bytes; ``data`` is all of it."""

    data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.log.note("data_received", data)

    def eof_received(self) -> None:
        self.log.note("eof_received")


class DatagramRecorder(Recorder, asyncio.DatagramProtocol):
    """The same for messages."""

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.log.note("datagram_received", data, addr)

    def error_received(self, exc: OSError) -> None:
        self.log.note("error_received", exc)

    async def messages(self, count: int) -> list[bytes]:
        """Wait for so many messages, and return what they carried."""
        await self.log.until(lambda log: len(log.named("datagram_received")) >= count)
        return self.log.named("datagram_received")
