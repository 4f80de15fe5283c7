"""Who sees what: wrappers that note the time and pass everything on.

Where each of the seven steps of one ``recv`` is seen:

1. and 2.  `ObservedBackend.wait` sees the wait and what it returned; `TracedLoop._serve` the handing over.
3.  The operation of the `ObservedReadiness`, which is wrapped while a task waits for it.
4.  The moment in which the readiness lets go of its callback: from then on it is not pending.
5.  That callback, which is wrapped when the task leaves it there.
6.  `ObservedCoroutine.send`, which the task calls; it has arrived in the innermost coroutine when the
    readiness's own ``__await__`` goes on.
7.  `TracedLoop.sock_recv`, to which the mini-loop's own ``sock_recv`` returns.

Rules
- An observer changes neither what is done nor its order, nor what is raised.
- A task's coroutine is wrapped, so ``task.get_coro()`` gives the wrapper; it answers whatever is asked of the
  coroutine. C and Python tasks alike drive anything that has ``send`` and ``throw``.

Pitfall: what the observers take, some microseconds a step, is part of the times: they tell the order and the
proportions, not the speed of the loop.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from backends.contract import Backend, Event
from lab.loop.readiness import Readiness
from lab.tracing.recorder import COROUTINE, KERNEL, LOOP, TASK, Call, Recorder, Report, Step, task_name

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
        yield from super().__await__()
        if call is not None and (sent := call.step(6)):
            sent.end_ns = self._loop.recorder.now_ns()

    def add_done_callback(self, callback: Callable[..., object], *, context: Any = None) -> None:
        super().add_done_callback(functools.partial(self._wake, callback), context=context)
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


class ObservedCoroutine(Coroutine[Any, Any, Any]):
    """A task's coroutine; notes each time that the task calls ``send`` or ``throw``."""

    def __init__(self, coroutine: Any, loop: Any) -> None:
        self._coroutine = coroutine
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """Resume it, and note from when to when it ran, and what it waits for then."""
        return self._run("send()", self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """The same by an exception."""
        try:
            return self._run(f"throw({type(error[0]).__name__})", self._coroutine.throw, *error)
        finally:
            del error

    def close(self) -> None:
        """End it where it is."""
        self._coroutine.close()

    def _run(self, how: str, resume: Callable[..., Any], *args: Any) -> Any:
        recorder: Recorder = self._loop.recorder
        chain = awaiting(self._coroutine)
        owner = task_name(asyncio.current_task(self._loop))
        span = recorder.begin(COROUTINE, chain[0], task=owner, chain=chain, how=how)
        call = recorder.open_call(asyncio.current_task(self._loop))
        if call is not None and call.steps and call.steps[-1].number == 5:
            details = {"how": how, "chain": chain}
            call.steps.append(Step(6, span.begin_ns, None, call.future.state, details))
        then = "raises"
        try:
            awaited = resume(*args)
            then = f"pauses for {type(awaited).__name__}" if awaited is not None else "pauses for one turn"
            return awaited
        except StopIteration:
            then = "ends"
            raise
        finally:
            recorder.end(span, then=then)
            del args  # the error that was thrown in, whose traceback leads here


def awaiting(coroutine: Any) -> list[str]:
    """The names of a coroutine and of those that it awaits, the innermost last; observers left out."""
    names = []
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        if code is not None and (not names or code.co_filename not in _OWN_FILES):
            names.append(getattr(coroutine, "__qualname__", code.co_name))
        awaited = getattr(coroutine, "cr_await", None)
        coroutine = awaited if awaited is not None else getattr(coroutine, "gi_yieldfrom", None)
    return names or ["coroutine"]


_OWN_FILES = {__file__, __file__.replace("observers", "traced_loop")}


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
