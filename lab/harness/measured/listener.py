"""Where the measured process listens. It makes the socket; the parent makes the place of a Unix socket.

A TCP listener is marked as TCP (``proto``, which `socket.create_server` leaves at 0), and the connections
that it accepts inherit the mark: asyncio turns Nagle's algorithm off only where it finds it
(``_set_nodelay``). A listener that asyncio makes itself from host and port has it.

The parent, since the measured process is killed and could not take its socket's name out of the file system.
A name there, not one of Linux's abstract ones: it works on every system, and costs the same once connected.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator

from lab.workloads.contract import Wire

BACKLOG = 1024
"""Above the load's batch of connects, so that no connect waits for a retry."""
LONGEST_PATH = 100
"""What every system takes: ``sun_path`` has 104 bytes on macOS and the BSDs, 108 on Linux."""


@contextlib.contextmanager
def socket_path(wire: Wire) -> Iterator[str | None]:
    """A path for the Unix socket of one sample, gone with its directory afterwards; None for other wires."""
    if wire != "unix":
        yield None
        return
    room = LONGEST_PATH - len("/muxlab-xxxxxxxx/echo")
    where = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(
        prefix="muxlab-", dir=where if len(os.fsencode(where)) <= room else "/tmp"
    ) as folder:
        yield os.path.join(folder, "echo")


def listen(wire: Wire, path: str | None) -> socket.socket:
    """A non-blocking listener on a free port of 127.0.0.1, or on ``path``; for ``udp`` a bound socket."""
    if wire == "unix":
        listener = socket.create_server(path, family=socket.AF_UNIX, backlog=BACKLOG)
    elif wire == "udp":
        listener = _bound(socket.SOCK_DGRAM, socket.IPPROTO_UDP)
    else:
        listener = _bound(socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _bound(kind: socket.SocketKind, proto: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind, proto)
    try:
        made.bind(("127.0.0.1", 0))
    except BaseException:
        made.close()
        raise
    return made
