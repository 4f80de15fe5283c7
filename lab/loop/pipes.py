"""Pipes: FIFOs, terminals and sockets at the ends of which another process sits.

A pipe has one direction, so there are two transports. Reading is plain. Writing needs a trick: a write to a
pipe that nobody reads fails, but who has nothing to write would never learn that the reader has gone. So the
*write* end is watched for *reading*, which no data can make it, only a hang-up.

Pitfalls
- ``O_NONBLOCK`` belongs to the open file, not to the descriptor: a terminal made non-blocking here is so for
  every process that shares it. asyncio does the same.
- epoll refuses what is always ready (EPERM): /dev/null, often a service's standard input. Such a device is
  read in turn after turn. asyncio reports an error and never reads it.
- A terminal whose other side was closed says so by EIO, which is how it ends and no error to report.
- The trick fails on AIX for pipes, and a socket's reading side may have data, which counts as a hang-up; both
  as in asyncio.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import sys
from collections.abc import Callable
from typing import Any

from backends.contract import WRITE
from lab.loop.datagrams import DatagramsLoop
from lab.loop.endpoints import ReadingEndpoint, WritingEndpoint
from lab.loop.readiness import SMALLEST_READ

logger = logging.getLogger("asyncio")

READ_SIZE = SMALLEST_READ
"""Bytes asked for at a time: what a pipe of Linux holds, unless it was made larger."""


class ReadPipeTransport(ReadingEndpoint, asyncio.ReadTransport):
    """The reading end of a pipe. Made by ``connect_read_pipe``."""

    def __init__(
        self, loop: Any, pipe: Any, protocol: asyncio.BaseProtocol, waiter: asyncio.Future[None] | None = None
    ) -> None:
        _refuse_other_files(pipe, "Pipe transport is for pipes/sockets only.")
        super().__init__(loop, pipe, protocol, {"pipe": pipe})
        self._asked_unwatched = False
        os.set_blocking(self._fd, False)
        loop.call_soon(self._begin, waiter, context=self._context.copy())

    def _read_ready(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
        except OSError as error:
            self._fail(error, "Fatal read error on pipe transport")
        else:
            if data:
                self._protocol.data_received(data)
            else:
                self._end_of_stream()

    def _end_of_stream(self) -> None:
        if self._loop.get_debug():
            logger.info("%r was closed by peer", self)
        self._loop.call_soon(self._protocol.eof_received, context=self._context)
        self._force_close(None)

    def _is_expected(self, error: BaseException) -> bool:
        return isinstance(error, OSError) and error.errno == errno.EIO

    # -- what epoll does not watch -----------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            super()._listen()
        except PermissionError:
            if not self._asked_unwatched:
                self._asked_unwatched = True
                self._loop.call_soon(self._read_unwatched, context=self._context)

    def _read_unwatched(self) -> None:
        self._asked_unwatched = False
        if self.is_reading():
            try:
                self._read_ready()
            finally:
                if self.is_reading():
                    self._listen()


class WritePipeTransport(WritingEndpoint, asyncio.WriteTransport):
    """The writing end of a pipe. Made by ``connect_write_pipe``."""

    def __init__(
        self, loop: Any, pipe: Any, protocol: asyncio.BaseProtocol, waiter: asyncio.Future[None] | None = None
    ) -> None:
        mode = _refuse_other_files(pipe, "Pipe transport is only for pipes, sockets and character devices")
        super().__init__(loop, pipe, protocol, {"pipe": pipe})
        self._queue: bytearray = bytearray()
        self._sees_hangup = stat.S_ISSOCK(mode) or (
            stat.S_ISFIFO(mode) and not sys.platform.startswith("aix")
        )
        os.set_blocking(self._fd, False)
        loop.call_soon(self._begin, waiter, context=self._context.copy())

    def _listen(self) -> None:
        if self._sees_hangup:
            super()._listen()

    def _read_ready(self) -> None:
        """The reader has gone."""
        if self._loop.get_debug():
            logger.info("%r was closed by peer", self)
        self._force_close(BrokenPipeError() if self._queue else None)

    # -- writing -----------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Write ``data`` (bytes-like), now as far as the kernel takes it, the rest when it takes more.

        After the end it is dropped; TypeError unless ``data`` is bytes-like.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if not data or self._is_lost("pipe closed by peer or os.write(pipe, data) raised exception."):
            return
        if self._closing:
            return
        rest = memoryview(data).cast("B")
        if not self._queue:
            rest = rest[self._write(rest) :]
            if not rest or self._lost:
                return
            self._watch(WRITE, self._outlet)
        self._queue += rest
        self._maybe_pause_protocol()

    def _write(self, data: Any) -> int:
        """How many bytes the kernel took; an error ends the transport."""
        try:
            return os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "Fatal write error on pipe transport")
        return 0

    def _write_ready(self) -> None:
        count = self._write(self._queue)
        del self._queue[:count]
        if self._lost:
            return
        self._maybe_resume_protocol()  # which may write more
        if not self._queue:
            self._unwatch(WRITE, self._outlet)
            if self._closing:
                self._force_close(None)

    def get_write_buffer_size(self) -> int:
        """Bytes queued."""
        return len(self._queue)

    def can_write_eof(self) -> bool:
        """Yes: to close a pipe is its end."""
        return True

    def write_eof(self) -> None:
        """Write what is queued, then close: a pipe has nothing else to say."""
        self.close()


class PipesLoop(DatagramsLoop):
    """The thirteenth storey reads and writes pipes."""

    async def connect_read_pipe(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], pipe: Any
    ) -> tuple[ReadPipeTransport, asyncio.BaseProtocol]:
        """Read ``pipe`` (a file object: FIFO, terminal, character device or socket) into a protocol.

        The transport owns it and makes it non-blocking. ValueError for any other file.
        """
        return await self._connect_pipe(ReadPipeTransport, protocol_factory, pipe)

    async def connect_write_pipe(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], pipe: Any
    ) -> tuple[WritePipeTransport, asyncio.BaseProtocol]:
        """Write to ``pipe`` (a file object as above); the protocol hears of its end, and when to pause."""
        return await self._connect_pipe(WritePipeTransport, protocol_factory, pipe)

    async def _connect_pipe(
        self, kind: type[Any], protocol_factory: Callable[[], asyncio.BaseProtocol], pipe: Any
    ) -> tuple[Any, asyncio.BaseProtocol]:
        protocol = protocol_factory()
        waiter = self.create_future()
        transport = kind(self, pipe, protocol, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        if self._debug:
            logger.debug("Pipe %r connected: (%r, %r)", pipe.fileno(), transport, protocol)
        return transport, protocol


def _refuse_other_files(pipe: Any, message: str) -> int:
    """The file's mode, if it is something that can be waited for."""
    mode = os.fstat(pipe.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        raise ValueError(message)
    return mode
