"""From the address that a program names to the one that a socket takes.

A host may have several addresses, of two families; which of them work, only trying tells. A host that is a
number already needs no look-up, and so no thread: most programs that make many sockets pass numbers.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
from typing import Any

from lab.loop.names import is_numeric

logger = logging.getLogger("asyncio")

AddressInfo = tuple[int, int, int, str, Any]
"""As `socket.getaddrinfo` gives it: (family, type, protocol, canonical name, address)."""


async def resolve(
    loop: Any, address: tuple[Any, ...], *, family: int, type: int, proto: int, flags: int
) -> list[AddressInfo]:
    """What (host, port) stands for; never empty. Raises OSError if there is nothing.

    A numeric IPv6 address may name its flow and its zone as well, as sockets tell them.
    """
    host, port, *zone = address
    if any(is_numeric(each, host, port) for each in (socket.AF_INET, socket.AF_INET6)):
        # Not with the port: what is none, the socket is to refuse (getaddrinfo takes it modulo 2**16).
        found = socket.getaddrinfo(host, 0, family, type, proto, flags | socket.AI_NUMERICHOST)
        found = [
            (*each[:4], (each[4][0], port, *(zone[: len(each[4]) - 2] or each[4][2:]))) for each in found
        ]
    else:
        found = await loop.getaddrinfo(host, port, family=family, type=type, proto=proto, flags=flags)
    if not found:
        raise OSError(f"getaddrinfo() returned empty list for {host!r}")
    return found


def cannot_bind(error: OSError, address: Any) -> OSError:
    """The error of a ``bind``, which does not tell by itself what could not be bound."""
    reason = (error.strerror or str(error)).lower()
    return OSError(error.errno, f"error while attempting to bind on address {address!r}: {reason}")


def share_port(sock: socket.socket) -> None:
    """Let other sockets have the same port, if they ask for it too; ValueError where that cannot be."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port not supported by socket module")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        raise ValueError(
            "reuse_port not supported by socket module, SO_REUSEPORT defined but not implemented."
        ) from None


def remove_stale_socket(path: Any) -> None:
    """Make room for a Unix socket where an earlier one was left behind. Abstract names leave nothing."""
    if path[0] in (0, "\x00"):
        return
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.error("Unable to check or remove stale UNIX socket %r: %r", path, error)
