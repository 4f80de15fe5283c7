"""``timers``: many timers armed, most of them cancelled before they are due; how far off the others fire.

So do timeouts: each request arms one, and hardly any is ever due. A pass arms ``armed`` timers, due one after
the other over `SPREAD_S` from `FIRST_S` on. All but ``firing`` of them are armed first and cancelled; then
come those that are to fire, and the pass waits for them. What an armed timer costs is then everything: making
it, keeping it in order, cancelling or calling it.

The pass keeps the clock's pace, so its throughput says nothing. Its latency is how far from its due time,
early or late, each timer fired, by `time.perf_counter_ns`.

Verified: exactly those that were not cancelled fire, each once, none too early (`lab.workloads.lateness`).
Their order is not: asyncio promises none, and a timer that another overtakes is late.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Iterator

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values, fail
from lab.workloads.lateness import off_ns

FIRST_S = 0.001
"""The delay of the first. uvloop makes a plain callback of a timer due in less than half a millisecond."""
SPREAD_S = 0.01
"""From the first timer of a pass to its last."""

Armed = tuple[int, int, list[Callable[[int], None]]]
"""A timer by hand: when it is due, its number, and what to call: nothing where it was cancelled."""


class Timers(InProcessWorkload):
    """``loop.call_later`` and ``TimerHandle.cancel``."""

    name = "timers"
    title = "Timers, most of them cancelled"
    question = "What does a timer cost when most are cancelled, and how far off its time does one fire?"
    unit = "timer"
    latency = "how far off its due time a timer fires"
    paced = True
    parameters = (
        Parameter("armed", 1000, 1, "timers armed in each pass", 100_000),
        Parameter("firing", 100, 1, "how many of them are not cancelled", 100_000),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[TimersOnLoop]:
        yield TimersOnLoop(loop, values)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[TimersByHand]:
        yield TimersByHand(values)

    def check(self, values: Values) -> None:
        if values["firing"] > values["armed"]:
            raise LabError(
                f"expected {self.name}.firing of at most those armed ({values['armed']:,}), "
                f"got {values['firing']:,}: give fewer, or arm more"
            )

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['firing']:,} of {values['armed']:,} fire"

    def server_descriptors(self, values: Values) -> int:
        return DESCRIPTOR_HEADROOM


class _Pass:
    """The account of a pass: which timers are to fire, when each is due, which have fired."""

    def __init__(self, values: Values) -> None:
        armed, firing = values["armed"], values["firing"]
        self.latencies_ns: list[int] = []
        self.armed = armed
        chosen = {index * armed // firing for index in range(firing)}
        delays_s = [(index, FIRST_S + SPREAD_S * index / armed) for index in range(armed)]
        self.firing = [each for each in delays_s if each[0] in chosen]
        """Number and delay of those that are to fire, evenly spread."""
        self.cancelled = [each for each in delays_s if each[0] not in chosen]
        self.due_ns: dict[int, int] = {}
        """For each timer that is to fire and has not, the time at which it is due."""

    def wrong(self, index: int) -> str | None:
        """Note that timer ``index`` fires now; return what is wrong with that."""
        now_ns = time.perf_counter_ns()
        due_ns = self.due_ns.pop(index, None)
        if due_ns is None:
            why = "it has fired already" if index in dict(self.firing) else "it was cancelled"
            return f"timers: expected timer {index:,} not to fire, it did: {why}"
        off = off_ns(due_ns, now_ns)
        if off is None:
            return (
                f"timers: expected timer {index:,} to wait, it fired {(due_ns - now_ns) / 1e6:.1f} ms early"
            )
        self.latencies_ns.append(off)
        return None


class TimersOnLoop(_Pass):
    """Timers of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values) -> None:
        super().__init__(values)
        self._loop = loop
        self._finished: asyncio.Future[None] | None = None

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the timers armed."""
        timers, end = 0, time.perf_counter() + seconds
        while not timers or time.perf_counter() < end:
            self._finished = self._loop.create_future()
            self._start_pass()
            await self._finished
            timers += self.armed
        return timers

    def _start_pass(self) -> None:
        call_later, fire = self._loop.call_later, self._fire
        cancelled = [call_later(delay_s, fire, index) for index, delay_s in self.cancelled]
        for handle in cancelled:
            handle.cancel()
        for index, delay_s in self.firing:
            self.due_ns[index] = time.perf_counter_ns() + round(delay_s * 1e9)
            call_later(delay_s, fire, index)

    def _fire(self, index: int) -> None:
        if complaint := self.wrong(index):
            fail(self._finished, complaint)
        elif not self.due_ns:
            self._finished.set_result(None)


class TimersByHand(_Pass):
    """The floor: a heap, a sweep of what is cancelled, and a sleep until the first is due."""

    def run(self, seconds: float) -> int:
        """As `TimersOnLoop.run`."""
        timers, end = 0, time.perf_counter() + seconds
        while not timers or time.perf_counter() < end:
            self._finish_pass(self._armed())
            timers += self.armed
        return timers

    def _armed(self) -> list[Armed]:
        """The heap of one pass. What was cancelled is swept out of it at once, as most of it was."""
        heap: list[Armed] = []
        cancelled = [self._arm(heap, index, delay_s)[-1] for index, delay_s in self.cancelled]
        for functions in cancelled:
            functions.clear()
        heap = [timer for timer in heap if timer[-1]]
        heapq.heapify(heap)
        for index, delay_s in self.firing:
            self.due_ns[index] = self._arm(heap, index, delay_s)[0]
        return heap

    def _arm(self, heap: list[Armed], index: int, delay_s: float) -> Armed:
        timer = (time.perf_counter_ns() + round(delay_s * 1e9), index, [self._fire])
        heapq.heappush(heap, timer)
        return timer

    def _finish_pass(self, heap: list[Armed]) -> None:
        while heap:
            due_ns, index, functions = heapq.heappop(heap)
            for function in functions:
                if (wait_ns := due_ns - time.perf_counter_ns()) > 0:
                    time.sleep(wait_ns / 1e9)
                function(index)

    def _fire(self, index: int) -> None:
        if complaint := self.wrong(index):
            raise LabError(complaint)
