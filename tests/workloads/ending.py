"""A floor serves until an error ends it: a mechanism that raises one when it is told to."""

from __future__ import annotations

import socket

from lab.workloads.readiness import READ, Readiness


class Told(Exception):
    """The server was told to end."""


class UntilTold:
    """A mechanism whose wait raises `Told` once ``told`` has a byte to read."""

    def __init__(self, inner: Readiness, told: socket.socket) -> None:
        self._inner, self._told = inner, told
        self.register, self.modify = inner.register, inner.modify
        self.unregister, self.close = inner.unregister, inner.close
        inner.register(told.fileno(), READ)

    def poll(self) -> list[tuple[int, int]]:
        events = self._inner.poll()
        if any(fd == self._told.fileno() for fd, _mask in events):
            raise Told
        return events
