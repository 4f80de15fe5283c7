"""Connecting: from a name to a transport.

``create_connection`` is four steps: look the name up, connect a socket to one of its addresses (one after
the other, or as a race), put a transport on it, wait until the protocol has been introduced.

Rules
- A socket that was made here is closed if anything fails before its transport owns it. One that was given
  (``sock=``) stays the caller's until then.
- Where all addresses fail the caller hears of all failures: one error if they are the same, one that lists
  them otherwise, an ExceptionGroup if asked for (``all_errors``).
"""

from __future__ import annotations

import functools
import os
import socket
import ssl as ssl_module
from collections.abc import Sequence
from typing import Any

from lab.loop.addresses import AddressInfo, cannot_bind, resolve
from lab.loop.racing import first_success, interleaved
from lab.loop.tls import Connection, ProtocolFactory, TlsLoop, tls_of_client, tls_of_server


class ConnectionsLoop(TlsLoop):
    """The ninth storey connects."""

    async def create_connection(
        self,
        protocol_factory: ProtocolFactory,
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        local_addr: tuple[Any, ...] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> Connection:
        """Connect to ``host`` and ``port``, or use the connected ``sock``; the transport and its protocol.

        Raises ValueError for arguments that contradict each other, OSError where no address can be connected
        (with ``all_errors``, on every Python version, an ExceptionGroup of all of them), ssl.SSLError.
        """
        if ssl and server_hostname is None:
            server_hostname = _name_to_verify(host)
        tls = tls_of_client(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if host is None and port is None:
            sock = given_socket(sock, "host and port was not specified and no sock specified")
            return await self._connected(sock, protocol_factory, tls)
        if sock is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        hints = {"family": family, "type": socket.SOCK_STREAM, "proto": proto, "flags": flags}
        targets = await resolve(self, (host, port), **hints)
        sources = None if local_addr is None else await resolve(self, local_addr, **hints)
        racing = happy_eyeballs_delay is not None
        targets = interleaved(targets, racing if interleave is None else interleave)
        sock = await self._connect_any(targets, sources, happy_eyeballs_delay, all_errors)
        return await self._connected(sock, protocol_factory, tls, ours=True)

    async def create_unix_connection(
        self,
        protocol_factory: ProtocolFactory,
        path: Any = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Connection:
        """Connect to the Unix socket at ``path``, or use the connected ``sock``; errors as above."""
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        tls = tls_of_client(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is None:
            sock = given_socket(sock, "no path and sock were specified", socket.AF_UNIX)
            return await self._connected(sock, protocol_factory, tls)
        if sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self.sock_connect(sock, os.fspath(path))
        except BaseException:
            sock.close()
            raise
        return await self._connected(sock, protocol_factory, tls, ours=True)

    async def connect_accepted_socket(
        self,
        protocol_factory: ProtocolFactory,
        sock: socket.socket,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Connection:
        """Serve a connection that was accepted elsewhere; the transport and its protocol."""
        given_socket(sock, "no sock specified")
        tls = tls_of_server(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        return await self._connected(sock, protocol_factory, tls)

    # -- one of several addresses ----------------------------------------------------------------------

    async def _connect_any(
        self,
        targets: Sequence[AddressInfo],
        sources: Sequence[AddressInfo] | None,
        delay: float | None,
        all_errors: bool,
    ) -> socket.socket:
        """A socket connected to one of ``targets``; with ``delay`` (seconds) as a race of all of them."""
        errors: list[OSError] = []
        attempts = [functools.partial(self._connect_one, each, sources, errors) for each in targets]
        if delay is not None:
            sock = await first_success(attempts, delay, socket.socket.close)
            if sock is not None:
                return sock
        else:
            for attempt in attempts:
                try:
                    return await attempt()
                except OSError:
                    continue  # it is in ``errors``
        try:
            raise all_in_one(errors, all_errors)
        finally:
            errors.clear()  # their tracebacks know this frame

    async def _connect_one(
        self, target: AddressInfo, sources: Sequence[AddressInfo] | None, errors: list[OSError]
    ) -> socket.socket:
        """A socket bound to one of ``sources`` and connected to ``target``; what fails is noted."""
        family, kind, proto, _, address = target
        sock = None
        try:
            sock = socket.socket(family, kind, proto)
            sock.setblocking(False)
            if sources is not None:
                _bind_any(sock, sources, errors)
            await self.sock_connect(sock, address)
            return sock
        except BaseException as error:
            if isinstance(error, OSError):
                errors.append(error)
            if sock is not None:
                sock.close()
            raise


def given_socket(sock: socket.socket | None, missing: str, family: int | None = None) -> socket.socket:
    """``sock``, if it is a stream socket (of ``family``) without TLS of its own: TypeError, ValueError."""
    if sock is None:
        raise ValueError(missing)
    if isinstance(sock, ssl_module.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")
    if family is not None and (sock.family != family or sock.type != socket.SOCK_STREAM):
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")
    return sock


def _name_to_verify(host: Any) -> Any:
    """Whom a client wants to talk to if it does not say: the host. "" would be said to verify no name."""
    if not host:
        raise ValueError("You must set server_hostname when using ssl without a host")
    return host


def all_in_one(errors: Sequence[OSError], all_errors: bool) -> Exception:
    """The one exception that says why no address could be connected."""
    if all_errors:
        return ExceptionGroup("create_connection failed", list(errors))
    if len({str(each) for each in errors}) == 1:
        return errors[0]
    return OSError(f"Multiple exceptions: {', '.join(map(str, errors))}")


def _bind_any(sock: socket.socket, sources: Sequence[AddressInfo], errors: list[OSError]) -> None:
    """Bind to the first of ``sources`` that is of the socket's family and can be had."""
    failed: list[OSError] = []
    for family, _, _, _, address in sources:
        if family != sock.family:
            continue
        try:
            sock.bind(address)
            return
        except OSError as error:
            failed.append(cannot_bind(error, address))
    if not failed:
        raise OSError(f"no matching local address with family={sock.family!r} found")
    errors += failed[:-1]
    del failed[:-1]
    raise failed.pop()  # a name for it would tie its traceback to itself
