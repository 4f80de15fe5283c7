"""``dns``: names looked up with ``loop.getaddrinfo``, ``concurrent`` at a time.

No question leaves the machine, and none is asked over a network: the names are ``localhost``, which the
system's resolver finds in its hosts file, or with ``numeric`` an address in digits, for which it has nothing
to look up. Which server the C library would ask is written in a file of the system, not of the process, so a
responder of the lab's own cannot be put in its place without privileges. What is measured is therefore the
way of a blocking call out of the loop and back (asyncio: a thread of the default executor), and the
resolver's work on it; not DNS as a protocol, and no waiting for a server.

The CPU is that of the whole process, the threads that do the looking up included. The latency is from asking
to the answer.

Verified: each lookup asks for a port of its own, and every address of its answer must be a loopback address
with that port.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import Iterator
from typing import Any

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values

NAMES = ("localhost", "127.0.0.1")
PORTS = range(1, 65_536)
LOOPBACK = {"127.0.0.1", "::1", "fe80::1%lo0"}
"""What the hosts files of Linux, macOS and the BSDs call localhost."""

Answer = list[tuple[Any, ...]]
"""What getaddrinfo gives: family, type, protocol, canonical name, address for each."""


class Dns(InProcessWorkload):
    """``loop.getaddrinfo``."""

    name = "dns"
    title = "Name lookups"
    question = "What does a name lookup through the loop cost, with nobody to ask?"
    unit = "lookup"
    latency = "from getaddrinfo to its answer"
    parameters = (
        Parameter("concurrent", 4, 1, "lookups that are under way at a time", 1000),
        Parameter("numeric", 0, 0, "1: the address in digits in place of localhost", 1),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[LookupsOnLoop]:
        yield LookupsOnLoop(loop, values)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[LookupsByHand]:
        yield LookupsByHand(values)

    def titled(self, values: Values) -> str:
        return f"{self.title}, {NAMES[values['numeric']]}, {values['concurrent']:,} at a time"

    def server_descriptors(self, values: Values) -> int:
        # Each thread of the executor, of which there may be 32, opens the hosts file for itself.
        return 2 * 32 + DESCRIPTOR_HEADROOM


class _Lookups:
    """What is asked, and what the answer must be."""

    def __init__(self, values: Values) -> None:
        self.latencies_ns: list[int] = []
        self.host = NAMES[values["numeric"]]
        self.concurrent = values["concurrent"]
        self.ports = itertools.cycle(PORTS)

    def answered(self, port: int, asked_ns: int, answer: Answer) -> None:
        """Take the latency of an answer; raise `LabError` if it is not that of ``port``."""
        self.latencies_ns.append(time.perf_counter_ns() - asked_ns)
        if not answer or not all(_is_loopback(address, port) for *_, address in answer):
            raise LabError(
                f"dns: expected loopback addresses with port {port} for {self.host}, got {answer!r:.200}"
            )


def _is_loopback(address: tuple[Any, ...], port: int) -> bool:
    return address[1] == port and address[0] in LOOPBACK


class LookupsOnLoop(_Lookups):
    """Lookups through an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values) -> None:
        super().__init__(values)
        self._loop = loop

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the lookups answered."""
        lookups, end = 0, time.perf_counter() + seconds
        while not lookups or time.perf_counter() < end:
            await asyncio.gather(*(self._look_up(next(self.ports)) for _ in range(self.concurrent)))
            lookups += self.concurrent
        return lookups

    async def _look_up(self, port: int) -> None:
        asked_ns = time.perf_counter_ns()
        answer = await self._loop.getaddrinfo(self.host, port, type=socket.SOCK_STREAM)
        self.answered(port, asked_ns, answer)


class LookupsByHand(_Lookups):
    """The floor: getaddrinfo(3), which blocks, one call after the other and no thread."""

    def run(self, seconds: float) -> int:
        """As `LookupsOnLoop.run`."""
        lookups, end = 0, time.perf_counter() + seconds
        while not lookups or time.perf_counter() < end:
            port = next(self.ports)
            asked_ns = time.perf_counter_ns()
            self.answered(port, asked_ns, socket.getaddrinfo(self.host, port, type=socket.SOCK_STREAM))
            lookups += 1
        return lookups
