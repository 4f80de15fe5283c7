"""TLS: which connections are encrypted, from the beginning or from some moment on.

What encrypts stands in ``encryption.py``; here are its two ends: the transports that it is put on, and the
upgrade of a connection that began in the clear.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

from lab.loop.encryption import TlsProtocol
from lab.loop.sendfile import SendfileLoop
from lab.loop.transports import stream_transport, without_delay

logger = logging.getLogger("asyncio")

ProtocolFactory = Callable[[], asyncio.BaseProtocol]
Connection = tuple[asyncio.Transport, asyncio.BaseProtocol]


class Tls(NamedTuple):
    """How one side speaks TLS. ``context`` None: a client's default, which verifies the server."""

    context: ssl.SSLContext | None
    server_side: bool
    server_hostname: str | None
    handshake_timeout: float | None
    shutdown_timeout: float | None

    def protocol(
        self,
        loop: asyncio.AbstractEventLoop,
        inner: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None,
        introduce: bool = True,
    ) -> TlsProtocol:
        """A protocol that decrypts for ``inner``; ``introduce``: call its ``connection_made`` as well.

        ``waiter`` is done after the handshake. ValueError for timeouts that are not positive.
        """
        return TlsProtocol(
            loop,
            inner,
            self.context,
            waiter,
            self.server_side,
            self.server_hostname,
            call_connection_made=introduce,
            ssl_handshake_timeout=self.handshake_timeout,
            ssl_shutdown_timeout=self.shutdown_timeout,
        )


class TlsLoop(SendfileLoop):
    """The eighth storey puts transports on sockets, plain or encrypted."""

    def _transport(
        self,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        tls: Tls | None,
        waiter: asyncio.Future[None] | None = None,
        server: Any = None,
        peername: Any = None,
    ) -> asyncio.Transport:
        """A transport that owns ``sock`` from now on; ``waiter`` is done when the protocol may be used."""
        if tls is None:
            return stream_transport(self, sock, protocol, waiter, server, peername)
        between = tls.protocol(self, protocol, waiter)
        stream_transport(self, sock, between, None, server, peername)
        return between._app_transport

    async def _connected(
        self, sock: socket.socket, protocol_factory: ProtocolFactory, tls: Tls | None, ours: bool = False
    ) -> Connection:
        """A transport and its protocol on a connected socket, introduced and, with TLS, shaken hands.

        Whatever goes wrong once there is a transport closes ``sock``; before that only if it is ``ours``.
        """
        waiter = self.create_future()
        try:
            self._refuse_transports(sock)
            sock.setblocking(False)
            without_delay(sock)
            protocol = protocol_factory()
            transport = self._transport(sock, protocol, tls, waiter)
        except BaseException:
            if ours:
                sock.close()
            raise
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        finally:
            del waiter  # the traceback of its error knows this frame
        if self._debug:
            logger.debug("%r connected: (%r, %r)", sock, transport, protocol)
        return transport, protocol

    async def start_tls(
        self,
        transport: asyncio.BaseTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport | None:
        """Go on in TLS on a connection that began in the clear; the transport to use from now on.

        None if the program closes the connection meanwhile, as in asyncio. Raises TypeError for a context
        that is none and for a transport that cannot; ConnectionResetError if the connection was over before
        (asyncio waits for ever); the handshake's errors, and closes the connection.
        """
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        if transport.get_protocol() is None:  # it has told of its end, and tells nothing more
            raise ConnectionResetError("TLS cannot start on a connection that is closed")
        tls = Tls(sslcontext, server_side, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        waiter = self.create_future()
        between = tls.protocol(self, protocol, waiter, introduce=False)
        # Nothing may come before the new protocol has been told of its transport.
        transport.pause_reading()
        transport.set_protocol(between)
        steps = self.call_soon(between.connection_made, transport), self.call_soon(transport.resume_reading)
        try:
            await waiter
        except BaseException:
            transport.close()
            for step in steps:
                step.cancel()
            raise
        finally:
            del waiter  # as above
        return between._app_transport


def tls_of_client(
    wanted: Any, server_hostname: str | None, handshake_timeout: float | None, shutdown_timeout: float | None
) -> Tls | None:
    """The TLS of a client by its ``ssl=`` argument, None for none; ValueError for what needs TLS without."""
    if not wanted:
        if server_hostname is not None:
            raise ValueError("server_hostname is only meaningful with ssl")
        _check_timeouts(handshake_timeout, shutdown_timeout)
        return None
    context = None if isinstance(wanted, bool) else wanted
    return Tls(context, False, server_hostname, handshake_timeout, shutdown_timeout)


def tls_of_server(wanted: Any, handshake_timeout: float | None, shutdown_timeout: float | None) -> Tls | None:
    """The TLS of a server by its ``ssl=`` argument, None for none; errors as above."""
    if not wanted:
        _check_timeouts(handshake_timeout, shutdown_timeout)
        return None
    context = None if isinstance(wanted, bool) else wanted
    return Tls(context, True, None, handshake_timeout, shutdown_timeout)


def _check_timeouts(handshake_timeout: float | None, shutdown_timeout: float | None) -> None:
    """Without TLS there is nothing to time."""
    if handshake_timeout is not None:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown_timeout is not None:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")
