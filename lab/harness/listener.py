"""Where the measured process listens. It makes the socket; the parent makes the place of a Unix socket.

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


def listen(path: str | None) -> socket.socket:
    """A non-blocking listener on a free port of 127.0.0.1, or on ``path``."""
    if path is None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    else:
        listener = socket.create_server(path, family=socket.AF_UNIX, backlog=BACKLOG)
    listener.setblocking(False)
    return listener
