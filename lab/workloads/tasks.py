"""``tasks``: pairs of tasks that wake each other through futures; made, gathered and awaited in each pass.

In a pair the one task gives the other's future its result and waits for its own, ``switches`` times. So a
switch is: a new future, ``set_result``, its done-callback, and a step of the task that waited. All pairs do
so side by side: each turn of the loop finds one task of every pair ready.

A pass also makes all the tasks and gathers them. With many switches that hardly counts; with one switch the
figure is mostly what a task costs from its making to its place in ``gather``'s result.

Verified: a message is the number of its switch, so one that is lost or doubled shows in the next; each task
returns its own name, and ``gather`` must give them all, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Generator, Iterator

from lab.errors import LabError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, InProcessWorkload, Parameter, Values


class Tasks(InProcessWorkload):
    """Futures, tasks and ``asyncio.gather``."""

    name = "tasks"
    title = "Tasks that wake each other"
    question = "What does it cost to switch from one task to another, and to make and gather them?"
    unit = "task switch"
    parameters = (
        Parameter("pairs", 100, 1, "pairs of tasks, side by side", 10_000),
        Parameter("switches", 100, 1, "how often each task is woken before it ends", 10_000),
    )

    @contextlib.contextmanager
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> Iterator[TasksOnLoop]:
        yield TasksOnLoop(loop, values)

    @contextlib.contextmanager
    def by_hand(self, values: Values) -> Iterator[TasksByHand]:
        yield TasksByHand(values)

    def titled(self, values: Values) -> str:
        pairs, switches = values["pairs"], values["switches"]
        times = "once" if switches == 1 else f"{switches:,} times"
        return f"{self.title}, {pairs:,} {'pair' if pairs == 1 else 'pairs'}, each task woken {times}"

    def server_descriptors(self, values: Values) -> int:
        return DESCRIPTOR_HEADROOM


def _check_message(task: int, expected: int, came: int) -> None:
    if came != expected:
        raise LabError(f"tasks: expected task {task:,} to be woken by message {expected:,}, got {came!r}")


def _check_results(expected: range, came: list[int]) -> None:
    if came != [*expected]:
        raise LabError(f"tasks: expected the names of {len(expected):,} tasks in order, got {came!r:.80}")


class TasksOnLoop:
    """The pairs as asyncio's tasks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, values: Values) -> None:
        self._loop = loop
        self._switches = values["switches"]
        self._tasks = range(2 * values["pairs"])
        self._waiting: list[asyncio.Future[int]] = []
        """For each task, the future that wakes it next. Task 2 i and task 2 i + 1 are a pair."""

    async def run(self, seconds: float) -> int:
        """Run passes for about ``seconds``, at least one; return the switches made."""
        switches, end = 0, time.perf_counter() + seconds
        while not switches or time.perf_counter() < end:
            self._waiting = [self._loop.create_future() for _ in self._tasks]
            _check_results(self._tasks, await asyncio.gather(*map(self._play, self._tasks)))
            switches += self._switches * len(self._tasks)
        return switches

    async def _play(self, name: int) -> int:
        await (self._follow if name % 2 else self._lead)(name, name ^ 1)
        return name

    async def _lead(self, name: int, partner: int) -> None:
        waiting, create_future = self._waiting, self._loop.create_future
        for number in range(self._switches):
            waiting[partner].set_result(number)
            _check_message(name, number, await waiting[name])
            waiting[name] = create_future()

    async def _follow(self, name: int, partner: int) -> None:
        waiting, create_future = self._waiting, self._loop.create_future
        for number in range(self._switches):
            _check_message(name, number, await waiting[name])
            waiting[name] = create_future()
            waiting[partner].set_result(number)


class TasksByHand:
    """The floor: bare generators, and a queue of those to be resumed, each with its message."""

    def __init__(self, values: Values) -> None:
        self.switches = values["switches"]
        """How often each is woken."""
        self._tasks = range(2 * values["pairs"])
        self._players: list[Generator[None, int, int]] = []
        self._ready: deque[tuple[Generator[None, int, int], int | None]] = deque()

    def run(self, seconds: float) -> int:
        """As `TasksOnLoop.run`."""
        switches, end = 0, time.perf_counter() + seconds
        while not switches or time.perf_counter() < end:
            self._players = [(_follow if name % 2 else _lead)(self, name) for name in self._tasks]
            # The followers first: each stands at its first message when that is sent.
            self._ready.extend((each, None) for each in self._players[1::2] + self._players[::2])
            _check_results(self._tasks, sorted(self._finish_pass()))
            switches += self.switches * len(self._tasks)
        return switches

    def send(self, task: int, number: int) -> None:
        """Wake ``task`` with a message."""
        self._ready.append((self._players[task], number))

    def _finish_pass(self) -> list[int]:
        ready, results = self._ready, []
        while ready:
            player, message = ready.popleft()
            try:
                player.send(message)
            except StopIteration as ended:
                results.append(ended.value)
        return results


def _lead(hand: TasksByHand, name: int) -> Generator[None, int, int]:
    for number in range(hand.switches):
        hand.send(name ^ 1, number)
        _check_message(name, number, (yield))
    return name


def _follow(hand: TasksByHand, name: int) -> Generator[None, int, int]:
    for number in range(hand.switches):
        _check_message(name, number, (yield))
        hand.send(name ^ 1, number)
    return name
