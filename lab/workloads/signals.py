"""``signals``: a process sends itself signals, and a callback added with ``add_signal_handler`` answers.

A pass sends one of each of ``kinds`` different signals with kill(2) and waits until all have been answered.
Signals of one kind that are on their way merge, so no kind is sent again before its callback has run. The way
is: kill, the interpreter's C handler, a byte in the pipe that ``signal.set_wakeup_fd`` names, a turn of the
loop.

The latency is from just before the kill to the callback.

Verified: each signal sent is answered by exactly one call, of the callback that was added for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values, fail

KINDS = tuple(
    getattr(signal, name)
    for name in ("SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGURG", "SIGHUP")
    if hasattr(signal, name)
)
"""Signals that nothing else in the measured process uses."""


class Signals(InProcessWorkload):
    """``loop.add_signal_handler`` and ``os.kill``."""

    name = "signals"
    title = "Signals to oneself"
    question = "What does a signal cost, and how long does it take, until its callback runs in the loop?"
    unit = "signal"
    latency = "from kill to the callback"
    parameters = (Parameter("kinds", 1, 1, "different signals that are sent at a time", len(KINDS)),)

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[SignalsOnLoop]:
        with contextlib.ExitStack() as stack:
            yield SignalsOnLoop(loop, values, stack)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[SignalsByHand]:
        with contextlib.ExitStack() as stack:
            yield SignalsByHand(values, stack)

    def titled(self, values: Values) -> str:
        return f"{self.title}, {values['kinds']:,} at a time"

    def server_descriptors(self, values: Values) -> int:
        return DESCRIPTOR_HEADROOM


class _Signals:
    """Which signals are on their way, and since when."""

    def __init__(self, values: Values) -> None:
        self.latencies_ns: list[int] = []
        self.kinds = KINDS[: values["kinds"]]
        self.sent_ns: dict[int, int] = {}
        """Those that have not been answered, with the time of their kill."""
        self.pid = os.getpid()

    def send(self) -> None:
        """Send one signal of each kind."""
        for kind in self.kinds:
            self.sent_ns[kind] = time.perf_counter_ns()
            os.kill(self.pid, kind)

    def wrong(self, kind: int) -> str | None:
        """Note that signal ``kind`` has been answered; return what is wrong with that."""
        sent_ns = self.sent_ns.pop(kind, None)
        if sent_ns is None:
            return f"signals: expected one call for each {signal.Signals(kind).name} sent, got another"
        self.latencies_ns.append(time.perf_counter_ns() - sent_ns)
        return None


class SignalsOnLoop(_Signals):
    """The signals as callbacks of an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values)
        self._loop = loop
        self._finished: asyncio.Future[None] | None = None
        for kind in self.kinds:
            loop.add_signal_handler(kind, self._answer, kind)
            stack.callback(loop.remove_signal_handler, kind)

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the signals answered."""
        signals, end = 0, time.perf_counter() + seconds
        while not signals or time.perf_counter() < end:
            self._finished = self._loop.create_future()
            self.send()
            await self._finished
            signals += len(self.kinds)
        return signals

    def _answer(self, kind: int) -> None:
        if complaint := self.wrong(kind):
            fail(self._finished, complaint)
        elif not self.sent_ns and not self._finished.done():
            self._finished.set_result(None)


class SignalsByHand(_Signals):
    """The floor: the pipe that ``signal.set_wakeup_fd`` writes each signal's number to, read."""

    def __init__(self, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values)
        self._read_fd, write_fd = os.pipe()
        stack.callback(os.close, self._read_fd)
        stack.callback(os.close, write_fd)
        os.set_blocking(write_fd, False)
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(write_fd))
        for kind in self.kinds:
            # Without a handler in Python there is none in C, and the signal would end the process.
            stack.callback(signal.signal, kind, signal.signal(kind, _heard))

    def run(self, seconds: float) -> int:
        """As `SignalsOnLoop.run`."""
        signals, end = 0, time.perf_counter() + seconds
        while not signals or time.perf_counter() < end:
            self.send()
            while self.sent_ns:
                for kind in os.read(self._read_fd, len(KINDS)):
                    if complaint := self.wrong(kind):
                        raise LabError(complaint)
            signals += len(self.kinds)
        return signals


def _heard(_kind: int, _frame: object) -> None:
    """What is to be done is done by whoever reads the pipe."""
