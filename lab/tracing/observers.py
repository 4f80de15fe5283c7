"""Who sees what: wrappers that note the time and pass everything on.

Where each of the seven steps of one ``recv`` is seen:

1. and 2.  `ObservedBackend.wait` sees the wait and what it returned; `TracedLoop._serve` the handing over.
3.  The operation of the `ObservedReadiness`, which is wrapped while a task waits for it.
4.  The moment in which the readiness lets go of its callback: from then on it is not pending.
5.  That callback, which is wrapped when the task leaves it there.
6.  `ObservedCoroutine.send` (``observed_tasks.py``), which the task calls; it has arrived in the innermost
    coroutine when the readiness's own ``__await__`` goes on.
7.  `TracedLoop.sock_recv`, to which the mini-loop's own ``sock_recv`` returns.

Rule: an observer changes neither what is done nor its order, nor what is raised.

Pitfall: what the observers take, some microseconds a step, is part of the times: they tell the order and the
proportions, not the speed of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from backends.contract import Backend, Event
from lab.loop.readiness import Readiness
from lab.tracing.observed_tasks import ObservedCallback
from lab.tracing.recorder import KERNEL, LOOP, TASK, Call, Recorder, Report, Step, task_name

PENDING, FINISHED, CANCELLED, IDLE = "PENDING", "FINISHED", "CANCELLED", "idle"
"""The states of a future, and that of a `Readiness` between two waits."""


class ObservedBackend(Backend):
    """A backend that notes each wait."""

    name = "observed"

    def __init__(self, backend: Backend, recorder: Recorder) -> None:
        self.name = backend.name  # type: ignore[misc]
        self.trigger = backend.trigger  # type: ignore[misc]
        self.resolution = backend.resolution  # type: ignore[misc]
        self.max_descriptor = backend.max_descriptor
        self._backend = backend
        self._recorder = recorder

    @property
    def interest(self) -> Mapping[int, int]:
        """That of the backend itself."""
        return self._backend.interest

    def register(self, fd: int, mask: int) -> None:
        """The backend's own."""
        self._backend.register(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        """The backend's own."""
        self._backend.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        """The backend's own."""
        self._backend.unregister(fd)

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        """Wait, and note from when to when and what came."""
        recorder = self._recorder
        span = recorder.begin(KERNEL, f"{self.name} waits", timeout_s=timeout, events=())
        try:
            events = self._backend.wait(timeout)
        finally:
            recorder.end(span)
        span.details["events"] = tuple(events)
        recorder.last_wait = span
        return events

    def close(self) -> None:
        """The backend's own."""
        self._backend.close()

    def stray(self, fd: int) -> None:
        """The backend's own."""
        self._backend.stray(fd)


_callback_slot: Any = Readiness.__dict__["_callback"]


class ObservedReadiness(Readiness):
    """The wait of one socket, seen from its beginning to its end. A `Readiness` becomes one by its class."""

    __slots__ = ()

    @property
    def state(self) -> str:
        """PENDING; FINISHED or CANCELLED until its task has it; or idle: ready for the next wait."""
        if _callback_slot.__get__(self) is not None:
            return PENDING
        if self.operation is None:
            return IDLE
        done = self.call.step(4) if self.call else None
        return done.future if done else FINISHED

    @property
    def call(self) -> Call | None:
        """The call whose wait this is: its operation knows."""
        operation = self.operation
        return operation.call if isinstance(operation, ObservedOperation) else None

    def __await__(self) -> Iterator[Readiness]:
        call = self._loop.recorder.open_call(asyncio.current_task(self._loop))
        if call is not None and self.operation is not None:
            call.future = self
            self.operation = ObservedOperation(self, self.operation, call)
        try:
            yield from super().__await__()
        finally:
            if call is not None and (sent := call.step(6)):
                sent.end_ns = self._loop.recorder.now_ns()

    def add_done_callback(self, callback: Callable[..., object], *, context: Any = None) -> None:
        super().add_done_callback(ObservedCallback(callback, self._wake), context=context)
        if call := self.call:
            call.waits += 1
            call.pending_ns = self._loop.recorder.now_ns()
            call.steps.clear()

    @property
    def _callback(self) -> Any:
        return _callback_slot.__get__(self)

    @_callback.setter
    def _callback(self, callback: Any) -> None:
        before = _callback_slot.__get__(self)
        _callback_slot.__set__(self, callback)
        if before is not None and callback is None and (call := self.call):
            details = {"error": type(self._error).__name__} if self._error else {}
            call.steps.append(Step(4, self._loop.recorder.now_ns(), None, FINISHED, details))

    def _fail(self, error: BaseException) -> bool:
        call, failed = self.call, super()._fail(error)
        if failed and call and (done := call.step(4)):
            done.details["error"] = type(error).__name__
            if isinstance(error, asyncio.CancelledError):
                done.future = CANCELLED
        return failed

    def _wake(self, callback: Callable[..., object], future: Any) -> None:
        recorder = self._loop.recorder
        call = self.call
        span = recorder.begin(TASK, _owner_name(callback), by=f"the future of descriptor {self.fd}")
        step = Step(5, span.begin_ns, None, self.state, {"task": span.name})
        if call is not None:
            call.steps.append(step)
        try:
            callback(future)
        finally:
            recorder.end(span)
            step.end_ns = span.end_ns
            del callback, future  # the task: this frame may be kept by an error that the task keeps


class ObservedOperation:
    """The system call that a wait is for; being called means that the kernel's report has arrived."""

    __slots__ = ("_operation", "_readiness", "call")

    def __init__(self, readiness: ObservedReadiness, operation: Callable[[Any], Any], call: Call) -> None:
        self._readiness, self._operation, self.call = readiness, operation, call

    def __call__(self, argument: Any) -> Any:
        recorder: Recorder = self._readiness._loop.recorder
        call, state = self.call, self._readiness.state
        span = recorder.begin(LOOP, f"{call.name.removeprefix('sock_')} on descriptor {call.fd}")
        if recorder.report is not None:
            call.steps[:] = _steps_before(recorder.report, span.begin_ns, state)
        step = Step(3, span.begin_ns, None, state)
        call.steps.append(step)
        try:
            value = self._operation(argument)
        except BaseException as error:
            if isinstance(error, (BlockingIOError, InterruptedError)):
                call.false_reports += 1
                call.steps.clear()
            step.details["error"] = type(error).__name__
            raise
        else:
            step.details["value"] = described(call.name, value)
            return value
        finally:
            recorder.end(span, **step.details)
            step.end_ns = span.end_ns


def _steps_before(report: Report, served_ns: int, state: str) -> list[Step]:
    """The wait that brought the report, and the report's way to who waits."""
    wait = report.wait
    waited = {"backend": wait.name, "timeout_s": wait.details["timeout_s"]}
    ready = {"mask": report.mask, "with": len(wait.details["events"]) - 1}
    return [
        Step(1, wait.begin_ns, wait.end_ns, state, waited),
        Step(2, wait.end_ns, served_ns, state, ready),
    ]


def _owner_name(callback: Any) -> str:
    """The task whose wake-up this is, or the callback's own name."""
    owner = getattr(callback, "__self__", None)
    return task_name(owner) if hasattr(owner, "get_name") else getattr(callback, "__qualname__", "callback")


def described(name: str, value: Any) -> str:
    """What a ``sock_*`` operation gave, in a few words."""
    if name == "sock_accept":
        return "a connection"
    if isinstance(value, tuple) and value:  # with the sender's address
        value = value[0]
    if isinstance(value, (bytes, bytearray)):
        value = len(value)
    if name.startswith("sock_recv") and value == 0:
        return "the end of the stream"
    return f"{value:,} byte{'' if value == 1 else 's'}" if isinstance(value, int) else "nothing"
