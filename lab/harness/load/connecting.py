"""How the load opens one connection, over each wire a workload may have.

Pitfalls
- TCP sockets close with a reset (SO_LINGER, zero): hundreds of samples with thousands of connections would
  otherwise use up the ephemeral ports by TIME_WAIT.
- Of its 28,232 ephemeral ports (by default) Linux first gives connects every other one, and searches long
  once those 14,116 are gone (``__inet_hash_connect``). Further connections come from 127.0.0.2 and so on.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.workloads.contract import Wire
    from lab.workloads.tls import TlsSocket

Address = tuple[str, int] | str
"""As `socket.socket.getsockname` gives it: host and port, or the path of a Unix socket."""

CONNECTIONS_PER_ADDRESS = 12_000
"""So many TCP connections come from one address of 127/8."""

_IP_BIND_ADDRESS_NO_PORT = 24
"""linux/in.h: leave the choice of the port to connect, which knows more ports to be free than bind does."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def open_connection(
    wire: Wire, address: Address, index: int, receive_buffer_bytes: int | None = None
) -> socket.socket | TlsSocket:
    """A non-blocking connection to ``address``, the load's number ``index`` from 0; the caller closes it.

    ``receive_buffer_bytes`` (TCP only) bounds what the kernel keeps that the load has not read; Linux doubles
    it for its own accounts.
    """
    source = 1 + index // CONNECTIONS_PER_ADDRESS
    if wire == "tcp":
        return open_tcp(address, source, receive_buffer_bytes)
    return _over_unix(address) if wire == "unix" else _over_tls(address, source)


def open_tcp(address: Address, source: int, receive_buffer_bytes: int | None = None) -> socket.socket:
    """A non-blocking TCP connection from 127.0.0.``source``; outside Linux always from 127.0.0.1."""
    connection = _connected_over_tcp(address, source, receive_buffer_bytes)
    connection.setblocking(False)
    return connection


def _over_unix(address: Address) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    connection.setblocking(False)
    return connection


def _over_tls(address: Address, source: int) -> TlsSocket:
    # Imported here: only this wire needs OpenSSL.
    from lab.workloads.tls import TlsSocket

    plain = _connected_over_tcp(address, source)
    try:
        connection = TlsSocket.connected(plain)
    except BaseException:
        plain.close()
        raise
    connection.setblocking(False)
    return connection


def _connected_over_tcp(
    address: Address, source: int, receive_buffer_bytes: int | None = None
) -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer_bytes is not None:  # before connect, since it bounds the window that is offered
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        if source > 1 and sys.platform == "linux":
            connection.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((f"127.0.0.{source}", 0))
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection
