"""Servers: what listens, and what it has accepted.

A `Server` holds its listeners while it is open and counts its connections; it is closed when it listens no
more, and done when the last connection is gone as well.

Rules
- A connection costs its server no object. Which ones they are stands in the loop's table of readers, where
  every transport is from its beginning to its end.
- ``wait_closed`` waits for the connections too, from Python 3.12.1 on. Before that it returned at once if the
  server was closed, and programs written for it rely on that: here, the Python that runs it decides.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import sys
from asyncio import trsock
from collections.abc import Iterable
from typing import Any

from lab.loop.addresses import AddressInfo, resolve
from lab.loop.connections import given_socket
from lab.loop.listening import Listener, SocketFile, bind_all, bind_unix
from lab.loop.tls import ProtocolFactory, Tls, tls_of_server
from lab.loop.transfer import TransferLoop
from lab.loop.transports import StreamTransport

logger = logging.getLogger("asyncio")

WAITS_FOR_CONNECTIONS = sys.version_info >= (3, 12, 1)
"""Whether ``wait_closed`` of a closed server waits for its connections (CPython issue 79033)."""
REMOVES_SOCKET_FILE = sys.version_info >= (3, 13)
"""The default of ``cleanup_socket``."""


class Server(asyncio.AbstractServer):
    """What ``create_server`` returns; also an asynchronous context manager that closes at its end."""

    def __init__(
        self,
        loop: ServersLoop,
        sockets: list[socket.socket],
        protocol_factory: ProtocolFactory,
        tls: Tls | None,
        backlog: int,
        file: SocketFile | None = None,
    ) -> None:
        self._loop = loop
        self._sockets: list[socket.socket] | None = sockets
        self._protocol_factory = protocol_factory
        self._tls = tls
        self._backlog = backlog
        self._file = file
        self._listeners: list[Listener] = []
        self._serving = False
        self._connections = 0
        self._waiters: list[asyncio.Future[None]] | None = []
        self._forever: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

    def get_loop(self) -> ServersLoop:
        """The loop that serves."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._serving

    @property
    def sockets(self) -> tuple[trsock.TransportSocket, ...]:
        """The listening sockets; none after ``close()``."""
        return tuple(map(trsock.TransportSocket, self._sockets or ()))

    # -- serving ---------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if not self._serving:
            self._serving = True
            for sock in self._sockets or ():
                self._listeners.append(Listener(self._loop, sock, self._backlog, self._welcome))

    def _welcome(self, conn: socket.socket, address: Any) -> None:
        """Make a transport of one connection that was accepted."""
        try:
            protocol = self._protocol_factory()
            self._loop._transport(conn, protocol, self._tls, server=self, peername=address)
        except BaseException as error:
            conn.close()
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                raise
            self._loop.call_exception_handler(
                {"message": "Error on transport creation for incoming connection", "exception": error}
            )

    def _attach(self, transport: StreamTransport | None = None) -> None:
        """A connection has begun."""
        self._connections += 1

    def _detach(self, transport: StreamTransport | None = None) -> None:
        """A connection has ended."""
        self._connections -= 1
        self._wake_if_done()

    def _wake_if_done(self) -> None:
        if self._connections or self._sockets is not None or self._waiters is None:
            return
        waiters, self._waiters = self._waiters, None
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def start_serving(self) -> None:
        """Accept connections; nothing to do if it does."""
        if self._sockets is None:
            raise RuntimeError(f"server {self!r} is closed")
        self._listen()

    async def serve_forever(self) -> None:
        """Accept connections until cancelled, which closes the server."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if self._sockets is None:
            raise RuntimeError(f"server {self!r} is closed")
        self._listen()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._forever = None

    # -- the end ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop listening; connections go on."""
        sockets, self._sockets = self._sockets, None
        if sockets is None:
            return
        for listener in self._listeners:
            listener.close()
        for sock in sockets:
            sock.close()
        if self._file is not None:
            self._file.remove()
        self._listeners.clear()
        self._serving = False
        if self._forever is not None:
            self._forever.cancel()
        self._wake_if_done()

    def close_clients(self) -> None:
        """Close all connections once what is queued for them has been sent (on every Python version)."""
        for transport in self._clients():
            transport.close()

    def abort_clients(self) -> None:
        """Close all connections at once (on every Python version)."""
        for transport in self._clients():
            transport.abort()

    def _clients(self) -> list[StreamTransport]:
        readers = self._loop._readers.values()
        return [each for each in readers if isinstance(each, StreamTransport) and each._server is self]

    async def wait_closed(self) -> None:
        """Wait until the server is closed and, as this module tells, its connections are gone."""
        if self._waiters is None or (self._sockets is None and not WAITS_FOR_CONNECTIONS):
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter


class ServersLoop(TransferLoop):
    """The eleventh storey serves."""

    async def create_server(
        self,
        protocol_factory: ProtocolFactory,
        host: Any = None,
        port: Any = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """Serve on ``port`` of ``host`` (a name, several, or None: all interfaces), or on the bound ``sock``.

        Raises ValueError and TypeError for arguments that contradict each other, OSError where an address
        cannot be bound. ``keep_alive`` works on every Python version.
        """
        tls = _tls(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if host is None and port is None:
            sockets = [given_socket(sock, "Neither host/port nor sock were specified")]
        elif sock is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        else:
            found = await self._resolve_all(host, port, family, flags)
            sockets = bind_all(
                found, reuse_address=reuse_address, reuse_port=reuse_port, keep_alive=keep_alive
            )
        return self._server(Server(self, sockets, protocol_factory, tls, backlog), start_serving)

    async def create_unix_server(
        self,
        protocol_factory: ProtocolFactory,
        path: Any = None,
        *,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = REMOVES_SOCKET_FILE,
    ) -> Server:
        """Serve on the Unix socket at ``path``, or on the bound ``sock``; errors as above.

        ``cleanup_socket``: remove the socket's file when the server is closed.
        """
        tls = _tls(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is None:
            sock = given_socket(sock, "path was not specified, and no sock specified", socket.AF_UNIX)
        elif sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        else:
            sock = bind_unix(path)
        file = SocketFile(sock) if cleanup_socket else None
        return self._server(Server(self, [sock], protocol_factory, tls, backlog, file), start_serving)

    async def _resolve_all(self, host: Any, port: Any, family: int, flags: int) -> Iterable[AddressInfo]:
        """The addresses of one host or several; "" and None stand for all interfaces."""
        hosts = [host] if isinstance(host, (str, bytes)) or not isinstance(host, Iterable) else host
        hints = {"family": family, "type": socket.SOCK_STREAM, "proto": 0, "flags": flags}
        found = await asyncio.gather(*(resolve(self, (each or None, port), **hints) for each in hosts))
        return itertools.chain.from_iterable(found)

    def _server(self, server: Server, start_serving: bool) -> Server:
        """``server``, serving if it is to."""
        for sock in server._sockets:
            sock.setblocking(False)
        if start_serving:
            try:
                server._listen()
            except BaseException:
                server.close()
                raise
        if self._debug:
            logger.info("%r is serving", server)
        return server


def _tls(wanted: Any, handshake_timeout: float | None, shutdown_timeout: float | None) -> Tls | None:
    """A server cannot have TLS by default: somebody has to give it a certificate."""
    if isinstance(wanted, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    return tls_of_server(wanted, handshake_timeout, shutdown_timeout)
