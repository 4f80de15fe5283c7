"""What was seen of a program: spans of time in four lanes, and the ``sock_*`` calls step by step.

Rules
- Facts only, each noted where it happened and when: nothing is inferred or filled in afterwards.
- Times are nanoseconds since the first thing that was recorded.
- A long program does not eat the memory: beyond `MOST_KEPT` spans or calls, more are only counted.
- It keeps names and numbers of tasks, sockets and data, never the objects beyond their call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KERNEL, LOOP, TASK, COROUTINE = "kernel wait", "loop", "task", "coroutine"
LANES = (KERNEL, LOOP, TASK, COROUTINE)
"""From the outside in: each runs inside the one before it, except that in the kernel's nothing runs."""

MOST_KEPT = 200_000


@dataclass(slots=True)
class Span:
    """Something that took time in one lane."""

    lane: str
    name: str
    begin_ns: int
    end_ns: int
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_ns(self) -> int:
        """How long it took."""
        return self.end_ns - self.begin_ns


@dataclass(slots=True)
class Step:
    """One of the seven steps of a wait, as it happened."""

    number: int
    begin_ns: int
    end_ns: int | None
    """None: a moment."""
    future: str
    """The state of the future at its beginning: PENDING, FINISHED or idle (ready for the next wait)."""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One ``await loop.sock_...(...)``: who called, on which descriptor, and the steps if it had to wait."""

    number: int
    name: str
    fd: int
    task: str
    begin_ns: int
    pending_ns: int | None = None
    """When its future became pending: the task pauses. None: it did not have to wait."""
    waits: int = 0
    false_reports: int = 0
    """Reports of the kernel after which the operation would still have blocked."""
    steps: list[Step] = field(default_factory=list)
    """Of the last wait: a long `sock_sendall` has several."""
    end_ns: int | None = None
    outcome: str = ""
    future: Any = None
    """What it waits on, while it is under way; asked for its ``state``."""

    @property
    def waited(self) -> bool:
        """Whether its task had to pause for it."""
        return self.waits > 0

    @property
    def complete(self) -> bool:
        """Whether it went through all seven steps."""
        return [step.number for step in self.steps] == [1, 2, 3, 4, 5, 6, 7]

    def step(self, number: int) -> Step | None:
        """The step of that number, if it was seen."""
        return next((step for step in self.steps if step.number == number), None)


@dataclass(slots=True)
class Report:
    """A ready descriptor on its way from the backend to who waits for it: the material of steps 1 and 2."""

    wait: Span
    begin_ns: int
    fd: int
    mask: int


class Recorder:
    """Collects what observers see; one for a whole program, whatever loops it runs. Owned by one thread."""

    def __init__(self, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock_ns = clock_ns
        self._start_ns: int | None = None
        self._open: dict[int, Call] = {}  # by the identity of the task, which lives as long as its call
        self.spans: list[Span] = []
        self.calls: list[Call] = []
        self.not_kept = 0
        """Spans and calls beyond `MOST_KEPT`."""
        self.backend = ""
        """The name of the backend that was waited on last; empty: no traced loop was made."""
        self.tasks = ""
        """``c`` or ``python``, of the same loop."""
        self.report: Report | None = None
        """The one that is being served."""
        self.last_wait: Span | None = None

    def now_ns(self) -> int:
        """Nanoseconds since this was first asked."""
        if self._start_ns is None:
            self._start_ns = self._clock_ns()
        return self._clock_ns() - self._start_ns

    @property
    def duration_ns(self) -> int:
        """From the first thing recorded to the last."""
        return max((span.end_ns for span in self.spans), default=0)

    def begin(self, lane: str, name: str, **details: Any) -> Span:
        """A span that begins now; it counts once it has been ended."""
        now = self.now_ns()
        return Span(lane, name, now, now, details)

    def end(self, span: Span, **details: Any) -> None:
        """The span ends now."""
        span.end_ns = self.now_ns()
        span.details.update(details)
        if len(self.spans) < MOST_KEPT:
            self.spans.append(span)
        else:
            self.not_kept += 1

    # -- calls -------------------------------------------------------------------------------------------

    def open_call(self, task: Any) -> Call | None:
        """The call that the task is in."""
        return self._open.get(id(task))

    def called(self, name: str, fd: int, task: Any) -> tuple[Call, Call | None]:
        """A task calls; the call, and the one that it was made in, for `closed`."""
        call = Call(len(self.calls) + 1, name, fd, task_name(task), self.now_ns())
        if len(self.calls) < MOST_KEPT:
            self.calls.append(call)
        else:
            self.not_kept += 1
        outer = self._open.get(id(task))
        self._open[id(task)] = call
        return call, outer

    def closed(self, call: Call, outer: Call | None, task_id: int, outcome: str) -> None:
        """The call is over, with a value or an exception; after a wait, that is its seventh step."""
        call.end_ns, call.outcome = self.now_ns(), outcome
        if call.step(6):
            call.steps.append(Step(7, call.end_ns, None, call.future.state, {"outcome": outcome}))
        call.future = None
        if outer is None:
            self._open.pop(task_id, None)
        else:
            self._open[task_id] = outer


def task_name(task: Any) -> str:
    """What a task is called; a coroutine may also be driven by hand."""
    return "no task" if task is None else task.get_name()
