"""``wakeups``: threads call into the loop with ``call_soon_threadsafe``, and wait until it has been done.

Each of ``threads`` threads calls ``burst`` times in a row, then waits for the last of these callbacks. The
loop sleeps as soon as it has run what is there. So with one thread and a burst of one, every call wakes a
sleeping loop, and the two threads hand the interpreter's lock to and fro. In a burst, calls meet a loop that
has already been woken: what that saves is the loop's to find.

The CPU is that of the whole process, the calling threads included: a part of what a wake-up costs is paid by
who calls. All threads share the core of the measured process. The latency is from just before the call to
the callback, and waiting for the interpreter's lock is in it.

Verified: the calls of each thread arrive in the order in which they were made, none missing and none twice.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values, fail


class Wakeups(InProcessWorkload):
    """``loop.call_soon_threadsafe`` from threads that are not the loop's."""

    name = "wakeups"
    title = "Wake-ups from threads"
    question = "What does it cost to call into the loop from another thread, and how long does it take?"
    unit = "wake-up"
    latency = "from call_soon_threadsafe to the callback"
    parameters = (
        Parameter("threads", 1, 1, "threads that call into the loop", 64),
        Parameter("burst", 1, 1, "calls that a thread makes before it waits for the last of them", 1000),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[WakeupsOnLoop]:
        with contextlib.ExitStack() as stack:
            yield WakeupsOnLoop(loop, values, stack)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[WakeupsByHand]:
        with contextlib.ExitStack() as stack:
            yield WakeupsByHand(values, stack)

    def titled(self, values: Values) -> str:
        threads, burst = values["threads"], values["burst"]
        return (
            f"{self.title}, {threads:,} {'thread' if threads == 1 else 'threads'}, "
            f"{burst:,} {'call' if burst == 1 else 'calls'} at a time"
        )

    def server_descriptors(self, values: Values) -> int:
        return DESCRIPTOR_HEADROOM


class _Callers(abc.ABC):
    """The threads, and the account of the calls that have arrived from each."""

    def __init__(self, values: Values, stack: contextlib.ExitStack, call: Callable[..., object]) -> None:
        """``call`` has a function called, with its arguments, in the thread that is measured."""
        self.latencies_ns: list[int] = []
        self.arrived = [0] * values["threads"]
        self._burst = values["burst"]
        self._call = call
        self._calling = 0
        self._orders: list[SimpleQueue[float | None]] = [SimpleQueue() for _ in self.arrived]
        """To each thread: until when it is to call; None: that it is to end."""
        self._answers: list[SimpleQueue[bool]] = [SimpleQueue() for _ in self.arrived]
        """To each thread: its burst has been answered; False: that it is to end."""
        for caller in range(len(self.arrived)):
            thread = threading.Thread(target=self._obey, args=(caller,), name=f"caller {caller}", daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(self._orders[caller].put, None)
            stack.callback(self._answers[caller].put, False)

    def start(self, until: float) -> None:
        """Let all threads call until `time.perf_counter` says ``until``, one burst at least."""
        self._calling = len(self.arrived)
        for orders in self._orders:
            orders.put(until)

    @abc.abstractmethod
    def finished(self) -> None:
        """All threads have had their last answer."""

    def complain(self, message: str) -> None:
        """A call was lost, doubled or overtaken by another."""
        raise LabError(message)

    def _obey(self, caller: int) -> None:
        call, arrive, answers, burst = self._call, self._arrive, self._answers[caller], range(self._burst)
        made = 0
        while (until := self._orders[caller].get()) is not None:
            calling = True
            while calling:
                for number in burst:
                    call(arrive, caller, made + number, time.perf_counter_ns())
                made += self._burst
                if not answers.get():
                    return
                calling = time.perf_counter() < until
            call(self._rest)

    def _arrive(self, caller: int, number: int, called_ns: int) -> None:
        self.latencies_ns.append(time.perf_counter_ns() - called_ns)
        expected = self.arrived[caller]
        if number != expected:
            self.complain(f"wakeups: expected call {expected:,} of thread {caller} to arrive, got {number:,}")
            return
        self.arrived[caller] = number + 1
        if (number + 1) % self._burst == 0:
            self._answers[caller].put(True)

    def _rest(self) -> None:
        self._calling -= 1
        if not self._calling:
            self.finished()


class WakeupsOnLoop(_Callers):
    """The threads call into an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values, stack: contextlib.ExitStack) -> None:
        super().__init__(values, stack, loop.call_soon_threadsafe)
        self._loop = loop
        self._finished: asyncio.Future[None] | None = None

    async def run(self, seconds: float) -> int:
        """Let the threads call for about ``seconds``, a burst each at least; return the calls that came."""
        before = sum(self.arrived)
        self._finished = self._loop.create_future()
        self.start(time.perf_counter() + seconds)
        await self._finished
        return sum(self.arrived) - before

    def finished(self) -> None:
        if not self._finished.done():
            self._finished.set_result(None)

    def complain(self, message: str) -> None:
        fail(self._finished, message)


class WakeupsByHand(_Callers):
    """The floor: a queue of calls, and a pipe with a byte in it while there is something in the queue."""

    def __init__(self, values: Values, stack: contextlib.ExitStack) -> None:
        self._read_fd, self._write_fd = os.pipe()
        stack.callback(os.close, self._read_fd)
        stack.callback(os.close, self._write_fd)
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._is_woken = self._working = False
        super().__init__(values, stack, self._send)

    def run(self, seconds: float) -> int:
        """As `WakeupsOnLoop.run`."""
        before, self._working = sum(self.arrived), True
        self.start(time.perf_counter() + seconds)
        calls, read_fd = self._calls, self._read_fd
        while self._working:
            os.read(read_fd, 64)
            # Before the queue is emptied: a call that comes from here on either is found or writes anew.
            self._is_woken = False
            while calls:
                function, arguments = calls.popleft()
                function(*arguments)
        return sum(self.arrived) - before

    def finished(self) -> None:
        self._working = False

    def _send(self, function: Callable[..., object], *arguments: object) -> None:
        self._calls.append((function, arguments))
        if not self._is_woken:
            self._is_woken = True
            os.write(self._write_fd, b"\0")
