"""``callbacks``: chains of callbacks, each of which schedules the next with ``call_soon``.

``chains`` of them run side by side, so each turn of the loop finds that many callbacks ready. With one chain
the loop asks the kernel between any two callbacks; with many, that price is shared.

Verified: callbacks are first in, first out. So the chains must come round in turn, each as often as it
should; a callback that is lost, doubled or overtaken by another breaks the order at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values, fail

CALLBACKS_IN_PASS = 5_000
"""At least; a pass ends after whole rounds of all chains."""


class Callbacks(InProcessWorkload):
    """``loop.call_soon``, and nothing else."""

    name = "callbacks"
    title = "Chains of callbacks"
    question = "What does a callback cost, from call_soon to its call?"
    unit = "callback"
    parameters = (Parameter("chains", 100, 1, "callbacks that are ready in each turn", 100_000),)

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[CallbacksOnLoop]:
        yield CallbacksOnLoop(loop, values)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[CallbacksByHand]:
        yield CallbacksByHand(values)

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['chains']:,} ready in each turn"

    def server_descriptors(self, values: Values) -> int:
        return DESCRIPTOR_HEADROOM


class _Chains:
    """The account of a pass: whose turn it is, and how many callbacks are to come."""

    def __init__(self, values: Values) -> None:
        self.chains = values["chains"]
        self.callbacks = self.chains * max(2, -(-CALLBACKS_IN_PASS // self.chains))
        self.called = 0

    def disorder(self, chain: int) -> str:
        """What is wrong when ``chain`` was called and it is not its turn."""
        if self.called >= self.callbacks:
            return f"callbacks: expected {self.callbacks:,} calls in a pass, chain {chain} was called again"
        expected = self.called % self.chains
        return f"callbacks: expected chain {expected} as call {self.called:,} of a pass, got chain {chain}"


class CallbacksOnLoop(_Chains):
    """The chains in an event loop's ready queue."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values) -> None:
        super().__init__(values)
        self._loop = loop
        self._finished: asyncio.Future[None] | None = None

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the callbacks called."""
        callbacks, end = 0, time.perf_counter() + seconds
        while not callbacks or time.perf_counter() < end:
            self._finished, self.called = self._loop.create_future(), 0
            for chain in range(self.chains):
                self._loop.call_soon(self._step, chain)
            await self._finished
            # A callback that comes once too often is still in the queue, ahead of this turn's end.
            await asyncio.sleep(0)
            callbacks += self.called
        return callbacks

    def _step(self, chain: int) -> None:
        called = self.called
        if chain != called % self.chains or called >= self.callbacks:
            fail(self._finished, self.disorder(chain))
            return
        self.called = called = called + 1
        if called <= self.callbacks - self.chains:
            self._loop.call_soon(self._step, chain)
        elif called == self.callbacks:
            self._finished.set_result(None)


class CallbacksByHand(_Chains):
    """The floor: a queue of functions with their arguments, and a ``while`` that empties it."""

    def run(self, seconds: float) -> int:
        """As `CallbacksOnLoop.run`."""
        callbacks, end = 0, time.perf_counter() + seconds
        ready: deque[tuple[Callable[[int], None], tuple[int]]] = deque()

        def step(chain: int) -> None:
            called = self.called
            if chain != called % self.chains or called >= self.callbacks:
                raise LabError(self.disorder(chain))
            self.called = called = called + 1
            if called <= self.callbacks - self.chains:
                ready.append((step, (chain,)))

        while not callbacks or time.perf_counter() < end:
            self.called = 0
            ready.extend((step, (chain,)) for chain in range(self.chains))
            while ready:
                function, arguments = ready.popleft()
                function(*arguments)
            callbacks += self.called
        return callbacks
