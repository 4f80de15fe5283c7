"""Clients that ask somebody's own HTTP server, whose replies are not known beforehand.

Rules, beside those of the contract
- Every reply is judged by what the first one was (`lab.harness.judged_replies`).
- A request's time runs from just before its ``send`` to just after the ``recv`` that completes its reply, as
  with `lab.harness.asking_clients`.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.harness.clients import CONNECT_BATCH, Exchanged, LoadClients, ReplyError
from lab.harness.connecting import Address, open_connection
from lab.harness.judged_replies import JudgedReplies
from lab.workloads.clients import Requesting
from lab.workloads.http_replies import get
from lab.workloads.readiness import READ, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

RECEIVE_BYTES = 64 << 10
"""What one ``recv`` takes at most; below glibc's threshold for mapping memory (docs/architecture.md)."""


class RequestingClients(LoadClients):
    """Connections to one server, and the same request over all of them."""

    def __init__(self, address: Address, wire: Wire, described: Requesting, seed: int) -> None:
        super().__init__()
        self._address, self._wire, self._described = address, wire, described
        host, port = address
        self._request = get(described.path, f"{host}:{port}")
        self._readiness = open_readiness()
        self._to_connect = iter(range(described.connections))
        self._sockets: dict[int, socket.socket] = {}
        self._receive: dict[int, Callable[[int], bytes]] = {}
        self._send: dict[int, Callable[[bytes], int]] = {}
        self._sent_ns: dict[int, int] = {}
        self._replies = JudgedReplies(described.body)

    def connect_some(self) -> int:
        batch = [self._open(index) for index in itertools.islice(self._to_connect, CONNECT_BATCH)]
        if batch:
            self.exchange(batch, 0.0)
        return len(batch)

    def run(self, seconds: float) -> Exchanged:
        return self.exchange(list(self._sockets), seconds)

    # HOT: as `AskingClients.exchange`. It stands for
    #   for fd, mask in poll(): self.take(fd, receive(fd)) and self.ask(fd)
    # with bound methods kept by descriptor, one clock reading a request, and one comparison for most replies.
    def exchange(self, fds: Sequence[int], seconds: float) -> Exchanged:
        """Ask over ``fds`` for ``seconds``, at least once each, and drain; raises `ReplyError`."""
        poll, receive, send, clock = self._readiness.poll, self._receive, self._send, perf_counter_ns
        sent_ns, latencies_ns, request, replies = (
            self._sent_ns,
            self.latencies_ns,
            self._request,
            self._replies,
        )
        last, midway, asked = replies.last, replies.midway, len(request)
        count, room, outstanding = 0, len(latencies_ns), len(fds)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for fd in fds:
            sent_ns[fd] = clock()
            if send[fd](request) != asked:
                raise self._stuck(fd)
        while outstanding:
            events = poll()
            if count + len(events) > room:
                room = self._grow(len(events))
            for fd, _mask in events:
                data = receive[fd](RECEIVE_BYTES)
                if data != last or fd in midway:
                    if not self._take(fd, data):
                        continue
                    last = replies.last
                now = clock()
                if fd not in sent_ns:
                    raise self._unasked(fd, len(data))
                latencies_ns[count] = now - sent_ns[fd]
                count += 1
                if now >= end:
                    del sent_ns[fd]
                    outstanding -= 1
                    continue
                sent_ns[fd] = now
                if send[fd](request) != asked:
                    raise self._stuck(fd)
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        """Raise `ReplyError` if the server sent more than it was asked for, or closed a connection."""
        for fd, receive in self._receive.items():
            try:
                received = receive(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            raise self._unasked(fd, len(received))

    def close(self) -> None:
        """Reset all connections."""
        self._readiness.close()
        for each in self._sockets.values():
            each.close()

    def _open(self, index: int) -> int:
        connection = open_connection(self._wire, self._address, index)
        fd = connection.fileno()
        self._sockets[fd] = connection
        self._receive[fd], self._send[fd] = connection.recv, connection.send
        self._readiness.register(fd, READ)
        return fd

    def _take(self, fd: int, data: bytes) -> bool:
        """Take a piece of a reply, or a reply that differs from the last one; whether it is whole now."""
        if not data:
            raise self._unasked(fd, 0)
        try:
            return self._replies.take(fd, data)
        except LabError as error:
            raise ReplyError(f"GET {self._described.path} on {self._named(fd)}: {error}") from error

    def _stuck(self, fd: int) -> ReplyError:
        size = len(self._request)
        return ReplyError(f"{self._named(fd)}: expected it to take a request of {size} bytes, it is full")

    def _unasked(self, fd: int, received: int) -> ReplyError:
        if received:
            return ReplyError(
                f"{self._named(fd)}: expected silence, got {received:,} bytes that nobody asked for"
            )
        return ReplyError(f"{self._named(fd)}: expected it to stay open, the server closed it")

    def _named(self, fd: int) -> str:
        return f"connection {list(self._sockets).index(fd):,} of {len(self._sockets):,}"
