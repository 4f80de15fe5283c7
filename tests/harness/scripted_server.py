"""A server without a process or a socket: it answers by a clock that only it, and what it is asked, move on.

One request after the other, each in the same time; it may stall once. Connections to it, and the readiness
call that watches them, stand in for the real ones of `lab.harness.load.verified_connections`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.harness.load import verified_connections
from lab.harness.load.verified_connections import VerifiedConnections
from lab.workloads.clients import Asking
from lab.workloads.readiness import READ

LOOK_NS = 1_000
"""A look that finds nothing takes so long: so watching the clock moves it on."""
US, MS = 1_000, 1_000_000


@dataclass
class ScriptedServer:
    """Answers each request after ``service_ns``; nothing between ``stall_ns`` (from, to)."""

    service_ns: int
    stall_ns: tuple[int, int] = (0, 0)
    send_ns: int = 0
    """What a send takes of the load's own time."""
    pieces: int = 1
    """Into how many parts each reply falls."""
    spoilt: int | None = None
    """The number of the request whose reply has a wrong byte."""
    now_ns: int = 0
    free_ns: int = 0
    asked: list[int] = field(default_factory=list)
    """The descriptor of each request, in order."""
    timeouts_s: list[float | None] = field(default_factory=list)
    """What each wait was given."""
    sockets: dict[int, ScriptedSocket] = field(default_factory=dict)

    def clock(self) -> int:
        """The time."""
        return self.now_ns

    def connect(self, *_where: Any, **_how: Any) -> ScriptedSocket:
        """A connection, as `open_connection` gives it."""
        sock = ScriptedSocket(self, 10 + len(self.sockets))
        self.sockets[sock.fd] = sock
        return sock

    def answer(self, request: bytes) -> list[tuple[int, bytes]]:
        """The moments at which the parts of the reply come."""
        begins = max(self.now_ns, self.free_ns)
        if self.stall_ns[0] <= begins < self.stall_ns[1]:
            begins = self.stall_ns[1]
        self.free_ns = begins + self.service_ns
        reply = bytes(255 - byte for byte in request) if self.spoilt == len(self.asked) else request
        cuts = [len(reply) * part // self.pieces for part in range(self.pieces + 1)]
        return [(self.free_ns + part, reply[cuts[part] : cuts[part + 1]]) for part in range(self.pieces)]

    def register(self, fd: int, mask: int) -> None:
        """As of a readiness call."""

    modify = register

    def poll(self, timeout_s: float | None = None) -> list[tuple[int, int]]:
        """What has come; without anything, time passes until something has, or the wait is over."""
        self.timeouts_s.append(timeout_s)
        if (ready := self._ready()) or timeout_s == 0:
            self.now_ns += 0 if ready else LOOK_NS
            return ready
        coming = min((sock.incoming[0][0] for sock in self.sockets.values() if sock.incoming), default=None)
        over = None if timeout_s is None else self.now_ns + round(timeout_s * 1e9)
        assert coming is not None or over is not None, "the load waits for what cannot come"
        self.now_ns = min(each for each in (coming, over) if each is not None)
        return self._ready()

    def close(self) -> None:
        """As of a readiness call."""

    def _ready(self) -> list[tuple[int, int]]:
        return [(fd, READ) for fd, sock in self.sockets.items() if sock.has_data]


class ScriptedSocket:
    """One connection to a `ScriptedServer`."""

    def __init__(self, server: ScriptedServer, fd: int) -> None:
        self.server, self.fd = server, fd
        self.incoming: deque[tuple[int, bytes]] = deque()

    @property
    def has_data(self) -> bool:
        """A part of a reply has come."""
        return bool(self.incoming) and self.incoming[0][0] <= self.server.now_ns

    def fileno(self) -> int:
        return self.fd

    def send(self, data: bytes | memoryview) -> int:
        self.server.now_ns += self.server.send_ns
        self.incoming.extend(self.server.answer(bytes(data)))
        self.server.asked.append(self.fd)
        return len(data)

    def recv_into(self, buffer: bytearray) -> int:
        if not self.has_data:
            raise BlockingIOError
        _, data = self.incoming.popleft()
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.incoming.clear()


def connections_to(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, connections: int = 1
) -> VerifiedConnections:
    """Connections to ``server``, all open; messages of 16 bytes."""
    monkeypatch.setattr(verified_connections, "open_connection", server.connect)
    monkeypatch.setattr(verified_connections, "open_readiness", lambda: server)
    described = Asking(connections, active=connections, payload_bytes=16)
    opened = VerifiedConnections(("scripted", 0), "tcp", described, seed=1)
    while opened.open_some():
        pass
    return opened
