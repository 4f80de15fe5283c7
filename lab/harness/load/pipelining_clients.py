"""Clients with several messages on the way on each connection: the engine of pipelining.

Rules, beside those of the contract
- A connection sends ``depth`` messages with one ``send``, and the next when all have come back, as
  ``redis-benchmark -P`` does. (Were each replaced as it comes, a fast server would find fewer messages in a
  read than a slow one, and do more work for each.)
- Each connection sends a stream of its own, a walk through one text of messages that is longer than all it
  can have on the way. So a byte that is lost, doubled or swapped shows at its place in the stream.
- A message's time runs from just before the ``send`` that it went with to just after the ``recv`` that
  completed it. The clock is read once a read.
"""

from __future__ import annotations

import itertools
import random
import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING

from lab.harness.load.clients import CONNECT_BATCH, Exchanged, LoadClients, ReplyError, unasked
from lab.harness.load.connecting import Address, open_tcp
from lab.workloads.clients import Pipelining
from lab.workloads.exchanges import LENGTH
from lab.workloads.readiness import READ, WRITE, open_readiness

if TYPE_CHECKING:
    from lab.workloads.contract import Wire

RECEIVE_BYTES = 64 * 1024
TEXT_MESSAGES = 1021
"""The text that the streams walk through has so many messages more than can be on the way; a prime, so that
the walks do not fall into step with the depth."""


def _frames(count: int, size: int, seed: int) -> list[bytes]:
    """``count`` messages of ``size`` bytes, each behind its length; windows on one random text."""
    text = random.Random(seed).randbytes(size + count)
    return [LENGTH.pack(size) + text[offset : offset + size] for offset in range(count)]


class PipeliningClients(LoadClients):
    """Connections to one server, each with up to ``depth`` messages on the way."""

    def __init__(self, address: Address, wire: Wire, described: Pipelining, seed: int) -> None:
        super().__init__()
        self._address, self._depth = address, described.depth
        self._messages = TEXT_MESSAGES + described.depth
        frames = _frames(self._messages, described.message_bytes, seed)
        self._size = len(frames[0])
        self._period = self._messages * self._size
        text = b"".join(frames)
        self._text = text + text[: max(self._depth * self._size, RECEIVE_BYTES)]
        self._readiness = open_readiness()
        self._to_connect = iter(range(described.connections))
        self._pipes: dict[int, _Pipe] = {}

    def connect_some(self) -> int:
        batch = [self._open(index) for index in itertools.islice(self._to_connect, CONNECT_BATCH)]
        if batch:
            self._exchange(batch, 0.0)
        return len(batch)

    def run(self, seconds: float) -> Exchanged:
        return self._exchange(list(self._pipes.values()), seconds)

    # HOT: the load's own cost per message bounds what it can ask of a server. It stands for
    #   for fd, mask in poll(): pipes[fd].take(); pipes[fd].ask()
    # with one clock reading a read.
    def _exchange(self, pipes: list[_Pipe], seconds: float) -> Exchanged:
        poll, by_fd, clock = self.awake(self._readiness.poll), self._pipes, perf_counter_ns
        latencies_ns, text, size, period = self.latencies_ns, self._text, self._size, self._period
        count, room, outstanding = 0, len(self.latencies_ns), len(pipes)
        now = start = clock()
        end = start + round(seconds * 1e9)
        for pipe in pipes:
            self._ask(pipe, clock())
        while outstanding:
            events = poll()
            if count + len(events) * self._depth > room:
                room = self._grow(len(events) * self._depth)
            for fd, mask in events:
                pipe = by_fd[fd]
                if mask & WRITE:
                    self._send_rest(pipe)
                if not mask & ~WRITE:
                    continue
                data = pipe.receive(RECEIVE_BYTES)
                now = clock()
                if not text.startswith(data, pipe.received % period) or not data:
                    raise self._wrong(pipe, data)
                pipe.received += len(data)
                whole = pipe.received // size - pipe.completed
                if not whole:
                    continue
                if pipe.received > pipe.asked:
                    raise unasked(self._named(pipe), pipe.received - pipe.asked)
                pipe.completed += whole
                for _ in range(whole):
                    latencies_ns[count] = now - pipe.sent_ns
                    count += 1
                if pipe.received < pipe.asked:
                    continue
                if now < end:
                    self._ask(pipe, now)
                else:
                    outstanding -= 1
        return Exchanged(count, now - start)

    def check_silence(self) -> None:
        for pipe in self._pipes.values():
            try:
                received = len(pipe.receive(RECEIVE_BYTES))
            except BlockingIOError:
                continue
            raise unasked(self._named(pipe), received)

    def close(self) -> None:
        self._readiness.close()
        for pipe in self._pipes.values():
            pipe.connection.close()

    def _open(self, index: int) -> _Pipe:
        pipe = _Pipe(open_tcp(self._address, 1), index)
        pipe.completed = index * 97 % self._messages  # streams start far apart
        pipe.asked = pipe.received = pipe.completed * self._size
        self._pipes[pipe.connection.fileno()] = pipe
        self._readiness.register(pipe.connection.fileno(), READ)
        return pipe

    def _ask(self, pipe: _Pipe, now_ns: int) -> None:
        """Put the next messages on their way."""
        at, length = pipe.asked % self._period, self._depth * self._size
        pipe.asked += length
        pipe.sent_ns = now_ns
        stretch = self._text[at : at + length]
        sent = pipe.send(stretch)
        if sent != length:
            pipe.unsent += memoryview(stretch)[sent:]
            self._readiness.modify(pipe.connection.fileno(), READ | WRITE)

    def _send_rest(self, pipe: _Pipe) -> None:
        del pipe.unsent[: pipe.send(pipe.unsent)]
        if not pipe.unsent:
            self._readiness.modify(pipe.connection.fileno(), READ)

    def _wrong(self, pipe: _Pipe, data: bytes) -> ReplyError:
        named = self._named(pipe)
        if not data or pipe.received == pipe.asked:
            return unasked(named, len(data))
        at = pipe.received % self._period
        pairs = zip(data, self._text[at : at + len(data)], strict=True)
        off = next(index for index, (came, meant) in enumerate(pairs) if came != meant)
        message, byte = divmod(pipe.received + off, self._size)
        return ReplyError(
            f"{named}: expected its messages of {self._size:,} bytes back in order and unchanged; "
            f"byte {byte:,} of message {message:,} is wrong"
        )

    def _named(self, pipe: _Pipe) -> str:
        return f"connection {pipe.index:,} of {len(self._pipes):,}"


class _Pipe:
    """One connection: how far its stream was sent and has come back, in bytes since the text's beginning."""

    __slots__ = (
        "asked",
        "completed",
        "connection",
        "index",
        "receive",
        "received",
        "send",
        "sent_ns",
        "unsent",
    )

    def __init__(self, connection: socket.socket, index: int) -> None:
        self.connection, self.index = connection, index
        self.receive, self.send = connection.recv, connection.send
        self.asked = self.received = self.completed = self.sent_ns = 0
        self.unsent = bytearray()
