"""``ring``: many registered descriptors, few of them busy; after libevent's ``test/bench.c``.

``pairs`` socket pairs stand in a ring, all registered for reading. A pass puts one byte into each of
``active`` pairs, evenly spread; whoever reads a byte writes it on to the next pair while the pass has
``writes`` left. A pass ends when all bytes have come to rest: ``active + writes`` events.

The registration of the pairs lies outside the window: here the question is what an event costs. (libevent's
bench prints the time both with it and without it.)

A pass starts at the same pairs each time and walks on from there, so it touches up to ``active + writes``
pairs, and many writes measure the caches: with 1,000 of them even the floor takes twice as long at
9,000 pairs as at 100. With libevent's own default of 100 writes the curve shows what *registered* pairs cost.

Verified: each active pair starts a byte of its own, and the reader hands on what it *read*. So a byte that is
lost, doubled or changed anywhere shows when the pass ends: the bytes at rest must be those that set out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values
from lab.workloads.readiness import READ, open_readiness


class Ring(InProcessWorkload):
    """A chain of one-byte writes through ``loop.add_reader`` callbacks."""

    name = "ring"
    title = "Ring of socket pairs"
    question = "What does an event cost as the number of registered descriptors grows?"
    unit = "event"
    axis = "pairs"
    parameters = (
        Parameter("pairs", 1000, 1, "socket pairs in the ring, all registered"),
        Parameter("active", 100, 1, "pairs that start a byte in each pass"),
        Parameter("writes", 100, 0, "how often bytes are handed on in a pass"),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[RingOnLoop]:
        with contextlib.ExitStack() as stack:
            yield RingOnLoop(loop, values, stack)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[RingByHand]:
        with contextlib.ExitStack() as stack:
            yield RingByHand(values, stack)

    def check(self, values: Values) -> None:
        if values["active"] > values["pairs"]:
            raise LabError(
                f"expected {self.name}.active of at most its pairs ({values['pairs']:,}), "
                f"got {values['active']:,}: give fewer, or more pairs"
            )

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['pairs']:,} pairs, {values['active']:,} active"

    def server_descriptors(self, values: Values) -> int:
        return 2 * values["pairs"] + DESCRIPTOR_HEADROOM


class _Pairs:
    """The ring itself, and the account of what is under way in it."""

    def __init__(self, values: Values, stack: contextlib.ExitStack) -> None:
        pairs, active = values["pairs"], values["active"]
        self.writes = values["writes"]
        self.read_fds: list[int] = []
        write_fds: list[int] = []
        for _ in range(pairs):
            reader, writer = socket.socketpair()
            stack.enter_context(reader)
            stack.enter_context(writer)
            reader.setblocking(False)
            writer.setblocking(False)
            self.read_fds.append(reader.fileno())
            write_fds.append(writer.fileno())
        self.next_write_fds = [*write_fds[1:], write_fds[0]]
        """For each pair, where its reader hands the byte on to."""
        tokens = [bytes([index % 256]) for index in range(active)]
        self.starts = [(write_fds[index * pairs // active], token) for index, token in enumerate(tokens)]
        self.expected = sorted(tokens)
        self.at_rest: list[bytes] = []
        self.writes_left = 0

    def start_pass(self) -> None:
        """Put the active bytes into the ring."""
        self.writes_left = self.writes
        self.at_rest = []
        for fd, token in self.starts:
            os.write(fd, token)

    def check_pass(self) -> int:
        """Return the events of the pass that has ended; raise `LabError` if a byte was lost or changed."""
        came = sorted(self.at_rest)
        if came != self.expected or self.writes_left:
            raise LabError(
                f"ring: expected the {len(self.expected)} bytes that set out to come to rest, got {came!r} "
                f"with {self.writes_left} of {self.writes} writes left"
            )
        return len(came) + self.writes


class RingOnLoop(_Pairs):
    """The ring on an event loop's readers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values, stack)
        self._loop = loop
        self._finished: asyncio.Future[None] | None = None
        for read_fd, next_fd in zip(self.read_fds, self.next_write_fds, strict=True):
            loop.add_reader(read_fd, self._hand_on, read_fd, next_fd)
            stack.callback(loop.remove_reader, read_fd)

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the events handled."""
        events, end = 0, time.perf_counter() + seconds
        while not events or time.perf_counter() < end:
            self._finished = self._loop.create_future()
            self.start_pass()
            await self._finished
            events += self.check_pass()
        return events

    def _hand_on(self, read_fd: int, next_fd: int) -> None:
        token = os.read(read_fd, 1)
        if self.writes_left:
            self.writes_left -= 1
            os.write(next_fd, token)
            return
        self.at_rest.append(token)
        if len(self.at_rest) == len(self.expected):
            self._finished.set_result(None)


class RingByHand(_Pairs):
    """The floor: the ring on the bare readiness call."""

    def __init__(self, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values, stack)
        self._readiness = open_readiness()
        stack.callback(self._readiness.close)
        for fd in self.read_fds:
            self._readiness.register(fd, READ)
        self._next_fd = dict(zip(self.read_fds, self.next_write_fds, strict=True))

    def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the events handled."""
        events, end = 0, time.perf_counter() + seconds
        while not events or time.perf_counter() < end:
            self.start_pass()
            self._finish_pass()
            events += self.check_pass()
        return events

    # HOT: the floor of the ring. It stands for
    #   for fd, _ in self._readiness.poll(): self._hand_on(fd)
    # without that call, which only an event loop has to make.
    def _finish_pass(self) -> None:
        read, write, poll, next_fd = os.read, os.write, self._readiness.poll, self._next_fd
        writes_left, at_rest, active = self.writes, self.at_rest, len(self.expected)
        while len(at_rest) < active:
            for fd, _mask in poll():
                token = read(fd, 1)
                if writes_left:
                    writes_left -= 1
                    write(next_fd[fd], token)
                else:
                    at_rest.append(token)
        self.writes_left = writes_left
