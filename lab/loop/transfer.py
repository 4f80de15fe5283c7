"""A file into a transport: ``sendfile``.

A plain transport empties its queue, and then the kernel copies from the file to the socket (``sendfile.py``).
TLS has to encrypt every byte, and some files have no descriptor: there the data is read in an executor's
thread and written to the transport as fast as that takes it.

Rules
- Meanwhile nothing else is written, and nothing is read: the protocol does not hear of data or of the end of
  the stream before the file has been sent.
- The file's position ends behind the last byte that was handed over, however it ended.
"""

from __future__ import annotations

import asyncio
from asyncio import constants
from typing import Any

from backends.contract import WRITE
from lab.loop.connections import ConnectionsLoop
from lab.loop.readiness import Readiness
from lab.loop.sendfile import check_sendfile
from lab.loop.transports import StreamTransport

CHUNK = 16 * 1024
"""Bytes read at a time where the kernel cannot do it: one TLS record, and what asyncio reads."""

_Mode = constants._SendfileMode


class TransferLoop(ConnectionsLoop):
    """The tenth storey sends files through transports."""

    async def sendfile(
        self,
        transport: asyncio.BaseTransport,
        file: Any,
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """Send ``file`` (binary) from ``offset``, ``count`` bytes or to its end; how many were sent.

        Raises RuntimeError for a transport that is closing or cannot, SendfileNotAvailableError where the
        system cannot and ``fallback`` is off, ConnectionError when the connection is lost meanwhile.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        mode = getattr(transport, "_sendfile_compatible", _Mode.UNSUPPORTED)
        if mode is _Mode.UNSUPPORTED:
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        if mode is _Mode.TRY_NATIVE:
            try:
                return await self._sendfile_native(transport, file, offset, count)
            except asyncio.SendfileNotAvailableError:
                if not fallback:
                    raise
        if not fallback:
            raise RuntimeError(
                f"fallback is disabled and native sendfile is not supported for transport {transport!r}"
            )
        return await self._transfer_by_hand(transport, file, offset, count)

    async def _sendfile_native(
        self, transport: StreamTransport, file: Any, offset: int, count: int | None
    ) -> int:
        """In the kernel. (asyncio's name: CPython's tests of the other way replace this one.)"""
        sock, fd = transport._sock, transport._fd
        check_sendfile(sock, file, offset, count)
        was_reading = transport.is_reading()
        drained = transport._make_empty_waiter()
        transport.pause_reading()
        try:
            await drained
            self._writers[fd] = Readiness(self, sock, WRITE)
            try:
                return await self._sendfile_in_kernel(sock, file, offset, count)
            except OSError as error:
                if transport.is_closing():
                    raise ConnectionError("Connection is closed by peer") from error
                raise
            finally:
                if not transport.is_closing():
                    del self._writers[fd]
        finally:
            transport._reset_empty_waiter()
            if was_reading:
                transport.resume_reading()

    async def _transfer_by_hand(self, transport: Any, file: Any, offset: int, count: int | None) -> int:
        if offset:
            file.seek(offset)
        view = memoryview(bytearray(min(count or CHUNK, CHUNK)))
        sent = 0
        valve = Valve(self, transport)
        try:
            while count is None or sent < count:
                chunk = view if count is None else view[: count - sent]
                read = await self.run_in_executor(None, file.readinto, chunk)
                if not read:
                    break
                await valve.open()
                transport.write(chunk[:read])
                sent += read
            return sent
        finally:
            if sent and hasattr(file, "seek"):
                file.seek(offset + sent)
            valve.remove()


class Valve(asyncio.Protocol):
    """Stands in for a transport's protocol, and lets data pass when the transport wants some."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: Any) -> None:
        self._loop = loop
        self._transport = transport
        self._replaced = transport.get_protocol()
        self._was_reading = transport.is_reading()
        self._was_paused = transport._protocol_paused
        self._lost = False
        self._opened: asyncio.Future[None] | None = loop.create_future() if self._was_paused else None
        transport.pause_reading()
        transport.set_protocol(self)

    async def open(self) -> None:
        """Wait until the transport's queue is low; ConnectionError when the connection is lost."""
        if self._transport.is_closing():
            raise ConnectionError("Connection closed by peer")
        if self._opened is not None:
            await self._opened

    def remove(self) -> None:
        """Give the transport back to its own protocol, and tell that how full the queue is now."""
        if self._lost:
            return
        self._transport.set_protocol(self._replaced)
        if self._was_reading:
            self._transport.resume_reading()
        is_paused = self._transport._protocol_paused
        if is_paused and not self._was_paused:
            self._replaced.pause_writing()
        elif self._was_paused and not is_paused:
            self._replaced.resume_writing()

    def pause_writing(self) -> None:
        """The queue is high."""
        self._opened = self._loop.create_future()

    def resume_writing(self) -> None:
        """The queue is low again."""
        if not self._opened.done():  # whoever sends the file may have been cancelled
            self._opened.set_result(None)
        self._opened = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of everything: also for the protocol that was replaced."""
        self._lost = True
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(exc or ConnectionError("Connection is closed by peer"))
        self._replaced.connection_lost(exc)
