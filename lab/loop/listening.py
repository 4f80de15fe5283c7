"""Listening: sockets bound to addresses, and the connections that the kernel has accepted on them.

Binding is done with care for what a host name may stand for: every address gets a socket, IPv6 ones without
IPv4 (otherwise the two would fight for the port). A `Listener` stands in the loop's table of readers and
hands each connection on at once, without the task that asyncio makes for it.

Rules
- One report accepts what has come, but not more than the backlog: the others' turn comes as well.
- A protocol factory that fails costs its own connection only, and is reported (asyncio: in debug mode only).
- Connections inherit the listener's options: TCP_NODELAY is set once, here, not for each of them (Stevens,
  UNIX Network Programming, volume 1, section 7.4; so do Linux, macOS and the BSDs).

Pitfalls
- Out of descriptors, the listener stays readable and would be reported for ever: it rests for a second.
- accept(2) also reports errors of the connection that it would have returned, which are not the listener's.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import logging
import os
import socket
import sys
from asyncio import trsock
from collections.abc import Callable, Iterable
from typing import Any

from backends.contract import READ
from lab.loop.addresses import AddressInfo, cannot_bind, remove_stale_socket, share_port
from lab.loop.transports import without_delay

logger = logging.getLogger("asyncio")

REST = 1.0
"""Seconds without accepting after an error (asyncio.constants.ACCEPT_RETRY_DELAY)."""

_OF_THE_CONNECTION = {
    getattr(errno, name)
    for name in (
        "ECONNABORTED",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENONET",
        "ENOPROTOOPT",
        "EPERM",
        "EPROTO",
    )
    if hasattr(errno, name)
}
"""What accept(2) tells to treat like "try again"; EPERM is a firewall's."""

_PlainSocket = socket.socket


class Listener:
    """One listening socket; ``welcome(conn, address)`` gets each connection, in a context of its own."""

    __slots__ = ("_backlog", "_context", "_fd", "_inode", "_kind", "_loop", "_sock", "_welcome", "closed")

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        backlog: int,
        welcome: Callable[[socket.socket, Any], object],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._backlog = max(1, backlog)
        self._welcome = welcome
        self._context = contextvars.copy_context()
        self._fd = sock.fileno()
        self._kind = int(sock.family), int(sock.type), sock.proto
        self.closed = False
        without_delay(sock)
        sock.listen(backlog)
        loop._forget(self._fd)
        loop._watch(self._fd, READ)
        loop._readers[self._fd] = self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._sock!r}>"

    def fire(self) -> None:  # HOT
        """Accept what has come.

        The readable form is ``self._sock.accept()``, which looks its own family and type up twice, through
        enums: 3 us of 10 for each connection (tests/microbench: accept).
        """
        sock, kind, copy, welcome = self._sock, self._kind, self._context.copy, self._welcome
        plain = sock.__class__ is _PlainSocket
        for _ in range(self._backlog):
            try:
                if plain:
                    fd, address = sock._accept()
                    conn = _PlainSocket(*kind, fd)
                else:
                    conn, address = sock.accept()
            except (BlockingIOError, InterruptedError):
                self._loop._would_block += 1
                return
            except OSError as error:
                if error.errno in _OF_THE_CONNECTION:
                    continue
                self._rest(error)
                return
            conn.setblocking(False)
            copy().run(welcome, conn, address)
            if self.closed:
                return
        if self._loop._edge:
            self._loop._rearm(self._fd)

    def _rest(self, error: OSError) -> None:
        """Report the error, and accept nothing for a while."""
        self._loop.call_exception_handler(
            {
                "message": f"socket.accept() failed; trying again in {REST:g} s",
                "exception": error,
                "socket": trsock.TransportSocket(self._sock),
            }
        )
        self._loop._unwatch(self._fd, READ)
        self._loop.call_later(REST, self._go_on)

    def _go_on(self) -> None:
        if not self.closed:
            self._loop._watch(self._fd, READ)

    def close(self) -> None:
        """Stop listening."""
        if self.closed:
            return
        self.closed = True
        if self._loop._readers.get(self._fd) is self:
            del self._loop._readers[self._fd]
            self._loop._unwatch(self._fd, READ)
        self._sock.close()

    def hangup(self) -> None:
        """Somebody shut the listening socket down: accept will tell."""

    def lost(self) -> None:
        """Somebody else closed the socket: there is nothing to accept any more."""
        self.closed = True

    @staticmethod
    def owner() -> None:
        """It is the loop's, not a ``sock_*`` coroutine's."""


def bind_all(found: Iterable[AddressInfo], **options: Any) -> list[socket.socket]:
    """A socket bound to each address; those that the system does not have are left out.

    ``options`` as for `_bind`. Raises OSError if an address cannot be had, or none (EADDRNOTAVAIL).
    """
    wanted = list(dict.fromkeys(found))  # several names may stand for one address
    with contextlib.ExitStack() as closing:
        sockets = []
        for each in wanted:
            sock = _bind(each, **options)
            if sock is not None:
                sockets.append(closing.enter_context(sock))
        if not sockets:
            text = f"could not bind on any address out of {[each[4] for each in wanted]!r}"
            raise OSError(errno.EADDRNOTAVAIL, text)
        closing.pop_all()
    return sockets


def _bind(
    wanted: AddressInfo, reuse_address: bool | None, reuse_port: bool | None, keep_alive: bool | None
) -> socket.socket | None:
    """A socket bound to one address; None if the system lacks the family, or the address."""
    family, kind, proto, _, address = wanted
    try:
        sock = socket.socket(family, kind, proto)
    except OSError:
        logger.debug("create_server() failed to create socket.socket%r", wanted[:3], exc_info=True)
        return None
    try:
        if reuse_address or (reuse_address is None and os.name == "posix" and sys.platform != "cygwin"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            share_port(sock)
        if keep_alive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if family == socket.AF_INET6 and hasattr(socket, "IPPROTO_IPV6"):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        return sock
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRNOTAVAIL:  # the family may be known, and not enabled
            logger.debug(cannot_bind(error, address))
            return None
        raise cannot_bind(error, address) from None
    except BaseException:
        sock.close()
        raise


def bind_unix(path: Any) -> socket.socket:
    """A Unix socket bound to ``path``, in the place of one that was left behind there."""
    path = os.fspath(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale_socket(path)
        sock.bind(path)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use") from None
        raise
    except BaseException:
        sock.close()
        raise
    return sock


class SocketFile:
    """The file of a bound Unix socket, to be removed when its server closes."""

    def __init__(self, sock: socket.socket) -> None:
        self._path = sock.getsockname()
        self._inode = None
        if self._path and self._path[0] not in (0, "\0"):  # abstract names are no files
            with contextlib.suppress(OSError):
                self._inode = os.stat(self._path).st_ino

    def remove(self) -> None:
        """Remove it, if it is still the same: a new server may have put its own there."""
        try:
            if self._inode is not None and os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.error("Unable to clean up listening UNIX socket %r: %r", self._path, error)
