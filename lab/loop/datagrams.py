"""Datagrams: UDP and Unix sockets that keep the bounds of messages.

There is no connection and no stream: each ``sendto`` is one message or an error, each read gives one message
whole. What the kernel does not take at once is queued, message by message.

Pitfalls
- Without SO_REUSEADDR. On Linux it lets two sockets share a UDP port, and the second one takes the first
  one's messages (CPython issue 37228). Those who want to share a port ask for it with ``reuse_port``.
- An ICMP error ("connection refused") of an earlier message comes out of the next read or send. It is told to
  the protocol's ``error_received``; the endpoint lives on.
- Queued messages count for their header too, or a flood of empty ones would never reach the high-water mark
  (CPython issue 113812), and the same is taken off again when they leave (135444).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import socket
import sys
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from typing import Any

from backends.contract import WRITE
from lab.loop.addresses import remove_stale_socket, resolve, share_port
from lab.loop.endpoints import ReadingEndpoint, WritingEndpoint
from lab.loop.servers import ServersLoop

logger = logging.getLogger("asyncio")

LARGEST_PACKET = 64 * 1024
"""Bytes. IP cannot carry more in one datagram, and a buffer of this size is below glibc's mmap threshold: one
above it is mapped, faulted in and unmapped for every message (readiness.py)."""
LARGEST_MESSAGE = 256 * 1024
"""Bytes asked for where no such bound exists, as on Unix sockets (asyncio's max_size)."""
HEADER_SIZE = 8
"""Bytes that a queued message counts for besides its own: UDP's header."""
MESSAGES_PER_EVENT = 16
"""Messages taken in a row before the other descriptors get their turn."""
LONE_EVENTS = 16
"""Events served with a single read after one message turned out to be alone: to look for a second one costs a
system call that fails, an exception included."""

Addresses = tuple[Any, Any]
"""(local, remote); None: not given"""


class DatagramTransport(ReadingEndpoint, WritingEndpoint, asyncio.DatagramTransport):
    """A datagram socket. Made by ``create_datagram_endpoint``."""

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        address: Any = None,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        names: dict[str, Any] = {"socket": TransportSocket(sock), "sockname": None, "peername": None}
        with contextlib.suppress(OSError):
            names["sockname"] = sock.getsockname()
        with contextlib.suppress(OSError):
            names["peername"] = sock.getpeername()
        super().__init__(loop, sock, protocol, names)
        self._sock = sock
        self._address = address
        self._queue: collections.deque[tuple[bytes, Any]] = collections.deque()
        self._queued = 0
        self._lone_events = 0
        internet = sock.family in (socket.AF_INET, socket.AF_INET6)
        self._size = LARGEST_PACKET if internet else LARGEST_MESSAGE
        loop.call_soon(self._begin, waiter, context=self._context.copy())

    # -- receiving -------------------------------------------------------------------------------------

    def _read_ready(self) -> None:
        """Take what has come, several messages if they come in numbers."""
        most = 1 if self._lone_events else MESSAGES_PER_EVENT
        count = 0
        while count < most and not self._closing and not self._paused and self._receive():
            count += 1
        if self._lone_events:
            self._lone_events -= 1
        elif count == 1:
            self._lone_events = LONE_EVENTS

    def _receive(self) -> bool:
        """Take one message; False if there was none."""
        try:
            data, address = self._sock.recvfrom(self._size)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
            return False
        except OSError as error:
            self._protocol.error_received(error)
            return False
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "Fatal read error on datagram transport")
            return False
        self._protocol.datagram_received(data, address)
        return True

    # -- sending ---------------------------------------------------------------------------------------

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one message, to ``addr`` or to the remote address of the endpoint; it may be empty.

        Errors of the network go to the protocol's ``error_received``. Raises TypeError unless ``data`` is
        bytes-like, ValueError for an ``addr`` other than the endpoint's remote address.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._address:
            if addr not in (None, self._address):
                raise ValueError(f"Invalid address: must be None or {self._address}")
            addr = self._address
        if self._is_lost("socket.send() raised exception."):
            return
        if self._queue or not self._send(data, addr):
            self._enqueue(bytes(data), addr)

    def _send(self, data: Any, address: Any) -> bool:
        """Send one message; False if the kernel does not take it now. Errors count as sent: it is gone."""
        try:
            if self._extra["peername"] is not None:  # that of a nameless Unix socket is "", and falsy
                self._sock.send(data)
            else:
                self._sock.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            self._loop._would_block += 1
            return False
        except OSError as error:
            self._protocol.error_received(error)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "Fatal write error on datagram transport")
        return True

    def _enqueue(self, data: bytes, address: Any) -> None:
        if not self._queue:
            self._watch(WRITE, self._outlet)
        self._queue.append((data, address))
        self._queued += len(data) + HEADER_SIZE
        self._maybe_pause_protocol()

    def _write_ready(self) -> None:
        """Send from the queue what the kernel takes."""
        try:
            while self._queue:
                data, address = self._queue.popleft()
                self._queued -= len(data) + HEADER_SIZE
                if not self._send(data, address):
                    self._queue.appendleft((data, address))
                    self._queued += len(data) + HEADER_SIZE
                    break
        finally:
            if not self._lost:
                self._maybe_resume_protocol()
                self._end_of_queue()

    def _end_of_queue(self) -> None:
        if not self._queue:
            self._unwatch(WRITE, self._outlet)
            if self._closing:
                self._force_close(None)

    def get_write_buffer_size(self) -> int:
        """Bytes queued, headers included."""
        return self._queued

    def _force_close(self, error: BaseException | None) -> None:
        super()._force_close(error)
        self._queued = 0


class DatagramsLoop(ServersLoop):
    """The twelfth storey exchanges datagrams."""

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: socket.socket | None = None,
    ) -> tuple[DatagramTransport, asyncio.BaseProtocol]:
        """Make a datagram socket, or take ``sock``, and serve it by a protocol; both are returned.

        Addresses are (host, port), or paths with ``family=AF_UNIX``. With ``remote_addr`` the socket is
        connected to it, unless ``allow_broadcast`` is asked for. Raises ValueError and TypeError for
        arguments that do not go together, OSError as the network says.
        """
        options = {"reuse_port": reuse_port, "allow_broadcast": allow_broadcast}
        if sock is not None:
            given = {"local_addr": local_addr, "remote_addr": remote_addr, "family": family}
            _check_alone(sock, {**given, "proto": proto, "flags": flags, **options})
            sock.setblocking(False)
            address = None
        else:
            choices = await self._datagram_choices((local_addr, remote_addr), family, proto, flags)
            sock, address = await self._datagram_socket(choices, reuse_port, allow_broadcast)
        protocol = protocol_factory()
        waiter = self.create_future()
        transport = DatagramTransport(self, sock, protocol, address, waiter)
        if self._debug:
            logger.debug("Datagram endpoint %r, %r created: %r", local_addr, remote_addr, transport)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _datagram_choices(
        self, given: Addresses, family: int, proto: int, flags: int
    ) -> list[tuple[tuple[int, int], Addresses]]:
        """What to try in turn: ((family, protocol), addresses)."""
        if not any(given):
            if family == 0:
                raise ValueError("unexpected address family")
            return [((family, proto), (None, None))]
        if hasattr(socket, "AF_UNIX") and family == socket.AF_UNIX:
            for path in given:
                if path is not None and not isinstance(path, str):
                    raise TypeError("string is expected")
            if given[0]:
                remove_stale_socket(given[0])
            return [((family, proto), given)]
        found: dict[tuple[int, int], list[Any]] = {}
        for which, address in enumerate(given):
            if address is not None:
                if not (isinstance(address, tuple) and len(address) == 2):
                    raise TypeError("2-tuple is expected")
                kind = {"family": family, "type": socket.SOCK_DGRAM, "proto": proto, "flags": flags}
                for info in await resolve(self, address, **kind):
                    found.setdefault((info[0], info[2]), [None, None])[which] = info[4]
        complete = [
            (kind, (local, remote))
            for kind, (local, remote) in found.items()
            if not ((given[0] and local is None) or (given[1] and remote is None))
        ]
        if not complete:
            raise ValueError("can not get address information")
        return complete

    async def _datagram_socket(
        self,
        choices: list[tuple[tuple[int, int], Addresses]],
        reuse_port: bool | None,
        allow_broadcast: bool | None,
    ) -> tuple[socket.socket, Any]:
        """The first socket that can be had, and the remote address; the first error if none can."""
        errors = []
        for (family, proto), (local, remote) in choices:
            with contextlib.ExitStack() as undo:
                try:
                    sock = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM, proto))
                    if reuse_port:
                        share_port(sock)
                    if allow_broadcast:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                    sock.setblocking(False)
                    if local:
                        sock.bind(local)
                    if remote and not allow_broadcast:
                        await self.sock_connect(sock, remote)
                except OSError as error:
                    errors.append(error)
                    continue
                undo.pop_all()
                return sock, remote
        raise errors[0]


def _check_alone(sock: socket.socket, options: dict[str, Any]) -> None:
    """Refuse what is no datagram socket, and options for making one beside one that is made."""
    if sock.type == socket.SOCK_STREAM:
        kind = "datagram socket" if sys.version_info >= (3, 13) else "UDP Socket"  # asyncio's words
        raise ValueError(f"A {kind} was expected, got {sock!r}")
    if any(options.values()):
        problems = ", ".join(f"{name}={value}" for name, value in options.items() if value)
        raise ValueError(
            f"socket modifier keyword arguments can not be used when sock is specified. ({problems})"
        )
