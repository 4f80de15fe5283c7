"""A file to a socket without passing through Python: ``sock_sendfile``.

sendfile(2) copies inside the kernel. It needs a regular file with a descriptor and a system that has the
call; for anything else the data is read in an executor's thread and sent, if the caller allows
(``fallback``). Either way the file's position ends behind the last byte that was sent, however it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import socket
from typing import Any

from backends.contract import WRITE
from lab.loop.sockets import SocketsLoop

FALLBACK_CHUNK = 256 * 1024
"""Bytes read at a time where sendfile(2) cannot be used (asyncio's SENDFILE_FALLBACK_READBUFFER_SIZE)."""
LARGEST_BLOCK = 1024 * 1024
"""Bytes that one sendfile(2) is asked for, then others have their turn. While a fast reader keeps up the
kernel does not come back before all is sent."""


class SendfileLoop(SocketsLoop):
    """The seventh storey sends files."""

    async def sock_sendfile(
        self,
        sock: socket.socket,
        file: Any,
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """Send ``file`` (binary) from ``offset``, ``count`` bytes or to its end; how many were sent.

        Raises ValueError and TypeError for bad arguments, asyncio.SendfileNotAvailableError where the system
        cannot and ``fallback`` is off.
        """
        self._check_socket(sock)
        check_sendfile(sock, file, offset, count)
        try:
            return await self._sendfile_in_kernel(sock, file, offset, count)
        except asyncio.SendfileNotAvailableError:
            if not fallback:
                raise
        return await self._sendfile_by_hand(sock, file, offset, count)

    async def _sendfile_in_kernel(
        self, sock: socket.socket, file: Any, offset: int, count: int | None
    ) -> int:
        source, size = sendfile_source(file)
        left = count or size
        sent = 0
        writing = await self._readiness(sock, WRITE)

        def send(block: int) -> int:
            return os.sendfile(sock.fileno(), source, offset + sent, block)

        try:
            while left > 0:
                block = min(left, LARGEST_BLOCK)
                try:
                    done = send(block)
                except (BlockingIOError, InterruptedError):
                    self._would_block += 1
                    done = await writing.when_ready(send, block)
                if not done:
                    break
                sent += done
                left -= done
                if left:
                    await asyncio.sleep(0)
        except OSError as error:
            if not sent:
                raise asyncio.SendfileNotAvailableError("os.sendfile call failed") from error
            if error.errno == errno.ENOTCONN and type(error) is not ConnectionError:
                raise ConnectionError("socket is not connected", errno.ENOTCONN) from error
            raise
        finally:
            writing.unwatch()
            if sent:
                with contextlib.suppress(OSError):
                    os.lseek(source, offset + sent, os.SEEK_SET)
        return sent

    async def _sendfile_by_hand(self, sock: socket.socket, file: Any, offset: int, count: int | None) -> int:
        seekable = hasattr(file, "seekable") and file.seekable()
        if seekable or offset:
            file.seek(offset)
        view = memoryview(bytearray(min(count or FALLBACK_CHUNK, FALLBACK_CHUNK)))
        sent = 0
        try:
            while count is None or sent < count:
                chunk = view if count is None else view[: count - sent]
                read = await self.run_in_executor(None, file.readinto, chunk)
                if not read:
                    break
                rest = chunk[:read]
                while rest:
                    done = await self._send_part(sock, rest)
                    rest = rest[done:]
                    sent += done
            return sent
        finally:
            if seekable:
                file.seek(offset + sent)

    async def _send_part(self, sock: socket.socket, data: memoryview) -> int:
        """Send what the kernel takes of ``data``, at least one byte; how much it was."""
        try:
            return sock.send(data)
        except (BlockingIOError, InterruptedError):
            self._would_block += 1
        return await self._when_writable(sock, sock.send, data)


def sendfile_source(file: Any) -> tuple[int, int]:
    """The descriptor and size of a file that sendfile(2) can read; SendfileNotAvailableError for others."""
    if not hasattr(os, "sendfile"):
        raise asyncio.SendfileNotAvailableError("os.sendfile() is not available")
    try:
        source = file.fileno()
        return source, os.fstat(source).st_size
    except (AttributeError, io.UnsupportedOperation, OSError) as error:
        raise asyncio.SendfileNotAvailableError("not a regular file") from error


def check_sendfile(sock: socket.socket, file: Any, offset: int, count: int | None) -> None:
    """Refuse what Python's documentation of ``sock_sendfile`` refuses."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if sock.type != socket.SOCK_STREAM:
        raise ValueError("only SOCK_STREAM type sockets are supported")
    if count is not None:
        if not isinstance(count, int):
            raise TypeError(f"count must be a positive integer (got {count!r})")
        if count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
    if not isinstance(offset, int):
        raise TypeError(f"offset must be a non-negative integer (got {offset!r})")
    if offset < 0:
        raise ValueError(f"offset must be a non-negative integer (got {offset!r})")
