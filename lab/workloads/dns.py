"""``dns``: names looked up with ``loop.getaddrinfo``, ``concurrent`` at a time.

``getaddrinfo`` asks through the C library, and which server that one asks is written in a file of the
system. So the measured process gets a network of its own (`private_network`), where that file names loopback,
and a small DNS server there (`dns_responder`, in a process of its own). Each lookup asks it over UDP for the
IPv4 and the IPv6 addresses of a name that nobody has asked for before, so there is nothing to remember. With
``delay`` the server waits with each answer, as a distant one does; how many lookups then wait side by side is
the loop's choice.

Where the system lets no process have such a network, two sources are left that ask nobody: ``localhost``,
which the C library finds in the hosts file, and an address in digits, for which there is nothing to look up.
They show the way of a blocking call out of the loop and back alone (asyncio: a thread of the default
executor).

The CPU is that of the whole process, the threads that do the looking up included. The latency is from asking
to the answer.

Verified: each lookup asks for a port of its own, and its answer must have exactly the addresses of that name,
each with that port; of localhost, loopback addresses only.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError
from lab.workloads import dns_responder
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values

DIGITS, HOSTS_FILE, SERVER = range(3)
"""The values of ``source``: places in `SOURCES`."""
PORTS = 65_535
MOST_LOOKUPS = 128
"""Two questions each: what Linux keeps for a socket by default, 208 KiB, holds about 280 such packets."""
MOST_THREADS = 32
"""Of asyncio's default executor, and of the floor."""
LOOPBACK = {"127.0.0.1", "::1", "fe80::1%lo0"}
"""What the hosts files of Linux, macOS and the BSDs call localhost."""
RESOLVER_FILES = {"/etc/resolv.conf": "nameserver 127.0.0.1\n", "/etc/nsswitch.conf": "hosts: dns\n"}
"""Who is asked, and that nobody else is; without these files glibc does the same."""
CACHE_DAEMON = "/var/run/nscd"
WITHOUT_SERVER = f"Without a DNS server: --set dns.source={HOSTS_FILE}"

Answer = list[tuple[Any, ...]]
"""What getaddrinfo gives: family, type, protocol, canonical name, address for each."""


@dataclass(frozen=True)
class Source:
    """Where the addresses come from."""

    title: str
    host: Callable[[int], str]
    """The name of the lookup with this number."""
    expected: str
    holds: Callable[[int, set[str]], bool]
    """Whether these are the addresses that the lookup with this number must find."""


def _all_loopback(_number: int, addresses: set[str]) -> bool:
    return bool(addresses) and addresses <= LOOPBACK


def _as_served(number: int, addresses: set[str]) -> bool:
    return addresses == set(map(str, dns_responder.addresses_of(number)))


SOURCES = (
    Source("127.0.0.1", lambda _number: "127.0.0.1", "loopback addresses", _all_loopback),
    Source("localhost", lambda _number: "localhost", "loopback addresses", _all_loopback),
    Source("a server asked", dns_responder.name_of, "the addresses of this name", _as_served),
)


class Dns(InProcessWorkload):
    """``loop.getaddrinfo``."""

    name = "dns"
    title = "Name lookups"
    question = "What does it cost to look up names through the loop?"
    unit = "lookup"
    latency = "from getaddrinfo to its answer"
    parameters = (
        Parameter("concurrent", 4, 1, "lookups that are under way at a time", MOST_LOOKUPS),
        Parameter("source", SERVER, 0, "2: a DNS server on loopback, 1: localhost, 0: digits", SERVER),
        Parameter("delay", 0, 0, "milliseconds that the server waits with each answer", 1000),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[LookupsOnLoop]:
        yield LookupsOnLoop(loop, values)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[LookupsByHand]:
        yield LookupsByHand(values)

    def surroundings(self, values: Values, beside: int | None = None) -> AbstractContextManager[None] | None:
        return _server_asked(values["delay"], beside) if values["source"] == SERVER else None

    def check(self, values: Values) -> None:
        if values["delay"] and values["source"] != SERVER:
            raise LabError(f"dns: delay is the server's, and there is one with source={SERVER} only")

    def titled(self, values: Values) -> str:
        delay = f" that waits {values['delay']:,} ms" if values["delay"] else ""
        return f"{self.title}, {SOURCES[values['source']].title}{delay}, {values['concurrent']:,} at a time"

    def server_descriptors(self, values: Values) -> int:
        # Each thread that looks up opens the hosts file, or sockets, for itself.
        return 2 * MOST_THREADS + DESCRIPTOR_HEADROOM


@contextlib.contextmanager
def _server_asked(delay_ms: int, core: int | None) -> Iterator[None]:
    """Have the C library of this process ask a server of its own, and see that it answers."""
    # Imported here: the measured process of no other workload needs it.
    from lab.workloads import private_network

    try:
        private_network.enter(RESOLVER_FILES, hidden=[CACHE_DAEMON])
    except LabError as error:
        raise LabError(f"{error}. {WITHOUT_SERVER}") from error
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", dns_responder.PORT))
        words = [str(bound.fileno()), str(delay_ms), *([] if core is None else [str(core)])]
        responder = subprocess.Popen(
            [sys.executable, "-P", "-m", dns_responder.__name__, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[bound.fileno()],
        )
    with responder:
        _check_answers()
        yield


def _check_answers() -> None:
    """Ask for a name that no lookup asks for: this also waits until the server is there."""
    lookups = _Lookups({"source": SERVER, "concurrent": 1})
    try:
        lookups.look_up(0)
    except OSError as error:
        raise LabError(
            f"expected getaddrinfo to ask the DNS server on loopback, got {error}: this C library seems to "
            f"ask elsewhere. {WITHOUT_SERVER}"
        ) from error


class _Lookups:
    """What is asked, and what the answer must be."""

    def __init__(self, values: Values) -> None:
        self.latencies_ns: list[int] = []
        self.source = SOURCES[values["source"]]
        self.concurrent = values["concurrent"]
        self.numbers = itertools.count(1)

    def look_up(self, number: int) -> None:
        """Look up the name with this number, blocking, and check the answer."""
        asked_ns = time.perf_counter_ns()
        answer = socket.getaddrinfo(self.source.host(number), port_of(number), type=socket.SOCK_STREAM)
        self.answered(number, asked_ns, answer)

    def answered(self, number: int, asked_ns: int, answer: Answer) -> None:
        """Take the latency of an answer; raise `LabError` if it is not that of this lookup."""
        self.latencies_ns.append(time.perf_counter_ns() - asked_ns)
        port = port_of(number)
        ports = {address[1] for *_, address in answer}
        if ports != {port} or not self.source.holds(number, {address[0] for *_, address in answer}):
            raise LabError(
                f"dns: expected {self.source.expected} with port {port} for {self.source.host(number)}, "
                f"got {answer!r:.200}"
            )


def port_of(number: int) -> int:
    """The port that the lookup with this number asks for."""
    return number % PORTS + 1


class LookupsOnLoop(_Lookups):
    """Lookups through an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values) -> None:
        super().__init__(values)
        self._loop = loop

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the lookups answered."""
        lookups, end = 0, time.perf_counter() + seconds
        while not lookups or time.perf_counter() < end:
            await asyncio.gather(*(self._ask(next(self.numbers)) for _ in range(self.concurrent)))
            lookups += self.concurrent
        return lookups

    async def _ask(self, number: int) -> None:
        asked_ns = time.perf_counter_ns()
        answer = await self._loop.getaddrinfo(
            self.source.host(number), port_of(number), type=socket.SOCK_STREAM
        )
        self.answered(number, asked_ns, answer)


class LookupsByHand(_Lookups):
    """The floor: getaddrinfo(3), which blocks.

    Where nobody is asked there is nothing to wait for, and one call comes after the other. Where a server is,
    threads ask side by side, each one thing after the other: no queue, and nobody to be woken.
    """

    def __init__(self, values: Values) -> None:
        super().__init__(values)
        waits = values["source"] == SERVER
        self._threads = min(self.concurrent, MOST_THREADS) if waits else 1

    def run(self, seconds: float) -> int:
        """As `LookupsOnLoop.run`."""
        end = time.perf_counter() + seconds
        done: list[int] = []
        errors: list[BaseException] = []
        others = [
            threading.Thread(target=self._ask_until, args=(end, done, errors), daemon=True)
            for _ in range(self._threads - 1)
        ]
        for thread in others:
            thread.start()
        self._ask_until(end, done, errors)
        for thread in others:
            thread.join()
        if errors:
            raise errors[0]
        return sum(done)

    def _ask_until(self, end: float, done: list[int], errors: list[BaseException]) -> None:
        """Look up names until ``end``, at least one, and add the number of them to ``done``."""
        lookups = 0
        try:
            while not lookups or time.perf_counter() < end:
                self.look_up(next(self.numbers))
                lookups += 1
        except Exception as error:
            errors.append(error)
        done.append(lookups)
