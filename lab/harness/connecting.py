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
from collections.abc import Callable
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


def open_connection(wire: Wire, address: Address, index: int) -> socket.socket | TlsSocket:
    """A non-blocking connection to ``address``, the load's number ``index`` from 0; the caller closes it."""
    return _OPENERS[wire](address, index)


def _over_tcp(address: Address, index: int) -> socket.socket:
    connection = _connected_over_tcp(address, index)
    connection.setblocking(False)
    return connection


def _over_unix(address: Address, index: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    connection.setblocking(False)
    return connection


def _over_tls(address: Address, index: int) -> TlsSocket:
    # Imported here: only this wire needs OpenSSL.
    from lab.workloads.tls import TlsSocket

    plain = _connected_over_tcp(address, index)
    try:
        connection = TlsSocket.connected(plain)
    except BaseException:
        plain.close()
        raise
    connection.setblocking(False)
    return connection


def _connected_over_tcp(address: Address, index: int) -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if index >= CONNECTIONS_PER_ADDRESS and sys.platform == "linux":
            connection.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((f"127.0.0.{1 + index // CONNECTIONS_PER_ADDRESS}", 0))
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


_OPENERS: dict[Wire, Callable[[Address, int], socket.socket | TlsSocket]] = {
    "tcp": _over_tcp,
    "unix": _over_unix,
    "tls": _over_tls,
}
