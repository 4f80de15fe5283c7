"""``idle-cpu``: what a loop costs that has nothing to do, while it holds connections and a timer ticks.

``connections`` silent connections (socket pairs) are watched for reading; ``ticks`` times a second a timer
runs out and arms the next, as a heartbeat does. Each tick costs a wait, which a mechanism without memory pays
for every descriptor that it watches.

Without ticks a loop sleeps in one wait through the whole window: then what is seen is how it gets into that
wait and out of it, once. A loop that wakes up of its own accord shows in either case.

An operation is a millisecond of idling, whatever the loop does in it: 10 µs per idle millisecond are 1 % of a
core. The pace is the clock's, so the throughput says nothing. The latency is that of the ticks.

Verified: a tick has waited (`lab.workloads.lateness`), no reader is called while its connection is silent,
and when the time is over a byte on the last connection must still reach its reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values, fail
from lab.workloads.lateness import off_ns
from lab.workloads.readiness import READ, open_readiness

TICKLESS = (
    "nothing ticks, so each loop sleeps in one wait through the whole window: what is seen is how it gets "
    "into that wait and out of it"
)


class IdleCpu(InProcessWorkload):
    """``loop.add_reader`` on what stays silent, and ``loop.call_later``."""

    name = "idle-cpu"
    title = "Nothing to do"
    question = "What does a loop cost while nothing happens but the ticking of a timer?"
    unit = "idle millisecond"
    axis = "connections"
    latency = "how far off its due time a tick comes"
    paced = True
    slices = False  # a silence that is broken 25 times a second is none
    parameters = (
        Parameter("connections", 100, 1, "silent connections that are watched"),
        Parameter("ticks", 100, 0, "how often a second a timer runs out", 200),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[IdleOnLoop]:
        with contextlib.ExitStack() as stack:
            yield IdleOnLoop(loop, values, stack)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[IdleByHand]:
        with contextlib.ExitStack() as stack:
            yield IdleByHand(values, stack)

    def labels(self, values: Values) -> tuple[str, ...]:
        return () if values["ticks"] else (TICKLESS,)

    def titled(self, values: Values) -> str:
        connections, ticks = values["connections"], values["ticks"]
        held = f"{connections:,} silent {'connection' if connections == 1 else 'connections'}"
        return f"{self.title}, {held}, {f'{ticks:,} ticks a second' if ticks else 'no tick'}"

    def server_descriptors(self, values: Values) -> int:
        return 2 * values["connections"] + DESCRIPTOR_HEADROOM


class _Silence:
    """The connections, and the account of the ticks."""

    def __init__(self, values: Values, stack: contextlib.ExitStack) -> None:
        self.latencies_ns: list[int] = []
        self.interval_s = 1 / values["ticks"] if values["ticks"] else None
        self.end = 0.0
        self.over = False
        self._due_ns = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        for _ in range(values["connections"]):
            pair = socket.socketpair()
            for each in pair:
                stack.enter_context(each)
                each.setblocking(False)
            self._pairs.append(pair)

    @property
    def read_fds(self) -> list[int]:
        """What is watched."""
        return [reader.fileno() for reader, _ in self._pairs]

    def begin(self, seconds: float) -> None:
        """The silence lasts from now on."""
        self.over = False
        self.end = time.perf_counter() + seconds

    def delay_s(self) -> float:
        """How long to wait for the next tick, or for the end of the silence if that comes first."""
        left_s = max(0.0, self.end - time.perf_counter())
        delay_s = left_s if self.interval_s is None else min(self.interval_s, left_s)
        self._due_ns = time.perf_counter_ns() + round(delay_s * 1e9)
        return delay_s

    def tick(self) -> bool:
        """Note a tick; whether the silence is over. Raises `LabError` for one that did not wait."""
        now_ns = time.perf_counter_ns()
        off = off_ns(self._due_ns, now_ns)
        if off is None:
            raise LabError(
                f"idle-cpu: expected a tick to wait, it came {(self._due_ns - now_ns) / 1e6:.1f} ms early"
            )
        self.latencies_ns.append(off)
        return time.perf_counter() >= self.end

    def break_silence(self) -> None:
        """Send a byte over the last connection."""
        self.over = True
        self._pairs[-1][1].send(b"!")

    def wrong(self, fd: int) -> str | None:
        """Note that ``fd`` was called; return what is wrong with that."""
        if not self.over:
            return f"idle-cpu: expected silence, the reader of descriptor {fd} was called"
        if fd != (last := self._pairs[-1][0].fileno()):
            return f"idle-cpu: expected the reader of descriptor {last} to be called, that of {fd} was"
        came = os.read(fd, 16)
        return None if came == b"!" else f"idle-cpu: expected one byte at the end, got {came!r}"


class IdleOnLoop(_Silence):
    """The silence on an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values, stack)
        self._loop = loop
        self._finished: asyncio.Future[None] | None = None
        for fd in self.read_fds:
            loop.add_reader(fd, self._heard, fd)
            stack.callback(loop.remove_reader, fd)

    async def run(self, seconds: float) -> int:
        """Idle for about ``seconds``, one tick at least; return the milliseconds that it took."""
        start = time.perf_counter()
        self._finished = self._loop.create_future()
        self.begin(seconds)
        self._loop.call_later(self.delay_s(), self._tick)
        await self._finished
        return max(1, round((time.perf_counter() - start) * 1e3))

    def _tick(self) -> None:
        try:
            is_over = self.tick()
        except LabError as error:
            fail(self._finished, str(error))
            return
        if is_over:
            self.break_silence()
        else:
            self._loop.call_later(self.delay_s(), self._tick)

    def _heard(self, fd: int) -> None:
        if complaint := self.wrong(fd):
            fail(self._finished, complaint)
        elif not self._finished.done():
            self._finished.set_result(None)


class IdleByHand(_Silence):
    """The floor: sleep from tick to tick, and ask the bare readiness call once, when the time is over.

    A loop has to ask at every tick, since it cannot know that all is silent.
    """

    def __init__(self, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values, stack)
        self._readiness = open_readiness()
        stack.callback(self._readiness.close)
        for fd in self.read_fds:
            self._readiness.register(fd, READ)

    def run(self, seconds: float) -> int:
        """As `IdleOnLoop.run`."""
        start = time.perf_counter()
        self.begin(seconds)
        is_over = False
        while not is_over:
            time.sleep(self.delay_s())
            is_over = self.tick()
        self.break_silence()
        for fd, _mask in self._readiness.poll():
            if complaint := self.wrong(fd):
                raise LabError(complaint)
        return max(1, round((time.perf_counter() - start) * 1e3))
