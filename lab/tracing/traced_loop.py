"""The mini-loop with observers in place.

A subclass that passes everything on to `Loop`: its turn, its readiness and its tasks are the loop's own. What
it adds is one note before and one after.

Pitfall: a report of several descriptors is handed to the loop one by one, so that each can be noted; the loop
serves them in the same order, and between two of them runs nothing else in either case.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import backends
from backends.contract import WRITE, Backend, Event
from lab.loop.handle import Handle, TimerHandle
from lab.loop.loop import Loop
from lab.loop.readiness import Readiness
from lab.loop.transports import StreamTransport
from lab.tracing import deliveries
from lab.tracing.observed_tasks import ObservedCallback, ObservedCoroutine
from lab.tracing.observers import ObservedBackend, ObservedReadiness, described
from lab.tracing.recorder import LOOP, TASK, Recorder, Report, task_name


def _observed(name: str) -> Any:
    """A ``sock_*`` coroutine of the loop, with its call and its return noted."""
    original = getattr(Loop, name)

    @functools.wraps(original)
    async def observed(self: Any, sock: Any, *args: Any, **options: Any) -> Any:
        recorder: Recorder = self.recorder
        task_id = id(asyncio.current_task(self))  # not the task: an error that it keeps may keep this frame
        call, outer = recorder.called(name, sock.fileno(), asyncio.current_task(self))
        outcome = "closed"
        try:
            value = await original(self, sock, *args, **options)
            outcome = described(name, value)
            return value
        except BaseException as error:
            outcome = f"raises {type(error).__name__}"
            raise
        finally:
            recorder.closed(call, outer, task_id, outcome)

    return observed


class TracedLoop(Loop):
    """A `Loop` that tells ``recorder`` what it does. Raises what `Loop` raises."""

    def __init__(
        self, recorder: Recorder, backend: str | Backend | None = None, tasks: Literal["c", "python"] = "c"
    ) -> None:
        self.recorder = recorder
        if not isinstance(backend, Backend):
            backend = backends.open_backend(backend)
        super().__init__(ObservedBackend(backend, recorder), tasks)
        recorder.backend, recorder.tasks = self.backend.name, tasks

    # -- what is ready ---------------------------------------------------------------------------------

    def _serve(self, events: Sequence[Event]) -> None:
        self._serve_one_by_one(events, super()._serve)

    def _serve_timed(self, events: Sequence[Event]) -> None:
        self._serve_one_by_one(events, super()._serve_timed)

    def _serve_one_by_one(self, events: Sequence[Event], serve: Callable[[Sequence[Event]], None]) -> None:
        recorder = self.recorder
        for fd, mask in events:
            party = self._readers.get(fd) if mask & ~WRITE else self._writers.get(fd)
            delivering = isinstance(party, StreamTransport)
            seen = deliveries.observed(party, recorder) if delivering else contextlib.nullcontext()
            span = recorder.begin(LOOP, f"descriptor {fd} is ready: {_party_name(party)}", fd=fd, mask=mask)
            assert recorder.last_wait is not None
            recorder.report = Report(recorder.last_wait, span.begin_ns, fd, mask)
            try:
                with seen:
                    serve(((fd, mask),))
            finally:
                recorder.report = None
                recorder.end(span)

    # -- who waits -------------------------------------------------------------------------------------

    async def _readiness(self, sock: Any, direction: int) -> Readiness:
        readiness = await super()._readiness(sock, direction)
        if type(readiness) is Readiness:
            readiness.__class__ = ObservedReadiness
        return readiness

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """As `Loop`, for a coroutine that is watched."""
        return super().create_task(
            ObservedCoroutine(coro, self) if asyncio.iscoroutine(coro) else coro, **options
        )

    sock_recv = _observed("sock_recv")
    sock_recv_into = _observed("sock_recv_into")
    sock_recvfrom = _observed("sock_recvfrom")
    sock_recvfrom_into = _observed("sock_recvfrom_into")
    sock_accept = _observed("sock_accept")
    sock_connect = _observed("sock_connect")
    sock_sendall = _observed("sock_sendall")
    sock_sendto = _observed("sock_sendto")

    # -- what is called --------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Handle:
        """As `Loop`, and the call is noted."""
        return self._observe(super().call_soon(callback, *args, context=context))

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> Handle:
        """As `Loop`, and the call is noted."""
        return self._observe(super().call_soon_threadsafe(callback, *args, context=context))

    def _arm(self, *timer: Any) -> TimerHandle:
        """As `Loop`, and the call is noted; ``call_later`` and ``call_at`` come here."""
        return self._observe(super()._arm(*timer))

    def _observe(self, handle: Any) -> Any:
        callback = handle._callback
        if callback is not None:
            handle._callback = ObservedCallback(callback, self._run_observed)
        return handle

    def _run_observed(self, callback: Callable[..., object], *args: Any) -> None:
        recorder = self.recorder
        owner = getattr(callback, "__self__", None)
        of_task = asyncio.isfuture(owner) and hasattr(owner, "get_coro")
        name = _callback_name(callback)
        whose = f"task {task_name(owner)!r}" if of_task else name
        span = recorder.begin(LOOP, f"callback: {whose}")
        inner = recorder.begin(TASK, task_name(owner), by=name) if of_task else None
        try:
            callback(*args)
        finally:
            if inner is not None:
                recorder.end(inner)
            recorder.end(span)
            del owner, callback, args  # the task: this frame may be kept by an error that the task keeps


def _party_name(party: Any) -> str:
    """Who a ready descriptor is for, in a word or two."""
    if party is None:
        return "nobody waits"
    if isinstance(party, asyncio.Handle):
        return _callback_name(party._callback)
    return type(party).__name__.removeprefix("Observed")


def _callback_name(callback: Any) -> str:
    return getattr(callback, "__qualname__", None) or type(callback).__name__
