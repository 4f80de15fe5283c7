"""The event loop itself: one turn runs what is ready, and asks the kernel when nothing is.

A turn takes three sources, in asyncio's order: the handles in the ready queue, the descriptors that the
backend reports, the timers that are due. What these add to the queue waits for the next turn, so no source
can starve another. The backend is asked first, because how long it may block depends on what is waiting.

Rules
- Callbacks are called here and nowhere else (in ``_turn``), each in its own context, never inside another.
- A ready descriptor goes straight from the backend's report to whoever waits for it: no handle is made, and
  nothing is queued in between. That is the loop's main advantage over asyncio in pure Python.
- Interest is kept: what the kernel was asked to watch stays watched until an event comes that nobody waits
  for. asyncio adds and removes it around every wait, two system calls a request.

Pitfalls
- An event may belong to a descriptor that an earlier callback of the same turn closed, and whose number is
  in use again. The directions that were registered or removed during the turn (``_fresh``) get no event of
  its report: a callback that has just been added is called in the next turn at the earliest, as asyncio's.
- KeyboardInterrupt may come in the middle of a report. A level-triggered backend reports the rest again; an
  edge-triggered one is made to, by arming every descriptor of the report anew.
- Error and hang-up bits come unasked and mean "both directions are ready", for those who wait; but the peer's
  half-close is a matter of reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from backends.contract import BOTH, READ, READ_HANGUP, WRITE, Backend, Event
from lab.loop.handle import Handle, TimerHandle, behind
from lab.loop.parties import AskTheTableError, PartyTable

LONGEST_WAIT = 24 * 3600.0
"""Seconds. Timeouts are C ints of milliseconds in epoll and poll; asyncio sets the same bound."""

CANCELLED_TIMERS_KEPT = 100
"""Cancelled timers stay in the heap until there are this many and they are the greater half (as asyncio:
timeouts mostly get cancelled, and the heap is cheaper to clean in one go than one by one)."""


class TurnLoop(asyncio.AbstractEventLoop):
    """The first storey: a ready queue, timers, a table of descriptors, and the turn that serves them."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._interest = backend.interest
        self._edge = backend.trigger == "edge"
        self._clock = clock
        self._debug = False
        self._closed = False
        self._stopping = False
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._timer_numbers = itertools.count()
        self._cancelled_timers = 0
        self._due: deque[Handle] = deque()
        self._fresh: dict[int, int] = {}
        self._readers = PartyTable(self._fresh)
        self._writers = PartyTable(self._fresh)
        self._waits = self._events = self._interest_changes = 0
        self._unwanted_events = self._would_block = 0

    # -- registering, cancelling and running calls -----------------------------------------------------

    def time(self) -> float:
        """The loop's clock, in seconds; monotonic, its zero means nothing."""
        return self._clock()

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:  # HOT
        """Call ``callback(*args)`` in the next turn, after all that was asked for before it.

        It stands for ``Handle().fill(callback, args, self, context)``, written out to save the call
        (tests/microbench: call_soon).
        """
        if self._closed or self._debug:
            self._check_call(callback, "call_soon")
            handle = Handle().fill(callback, args, self, context)
        else:
            handle = Handle()
            handle._context = contextvars.copy_context() if context is None else context
            handle._loop = self
            handle._callback = callback
            handle._args = args
            handle._cancelled = False
            handle._repr = handle._source_traceback = None
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> TimerHandle:
        """Call ``callback(*args)`` once, ``delay`` seconds from now."""
        if delay is None:
            raise TypeError("delay must not be None")
        return self._arm(self._clock() + delay, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> TimerHandle:
        """Call ``callback(*args)`` once ``loop.time()`` has reached ``when``; ties in the order of calls."""
        if when is None:
            raise TypeError("when cannot be None")
        return self._arm(when, callback, args, context)

    def _arm(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> TimerHandle:  # HOT
        """A timer in the heap.

        It stands for ``TimerHandle().fill(callback, args, self, context)``, as in ``call_soon``: a request's
        timeout is armed and cancelled each time (tests/microbench: timers that are cancelled).
        """
        if when != when:
            when = self._clock()  # not a number has no place among the others: due at once, as in asyncio
        timer = TimerHandle()
        if self._closed or self._debug:
            self._check_call(callback, "call_at")
            timer.fill(callback, args, self, context)
        else:
            timer._context = contextvars.copy_context() if context is None else context
            timer._loop = self
            timer._callback = callback
            timer._args = args
            timer._cancelled = False
            timer._repr = timer._source_traceback = None
        timer._when = when
        timer._scheduled = True
        heapq.heappush(self._timers, (when, next(self._timer_numbers), timer))
        return timer

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        """A timer that somebody else has made was cancelled (asyncio's TimerHandle says so): no matter."""

    # -- the interest set ------------------------------------------------------------------------------

    def _watch(self, fd: int, direction: int) -> None:
        """Have the backend watch ``fd`` for READ or WRITE; nothing to do when it does already."""
        mask = self._interest.get(fd, 0)
        if mask & direction:
            return
        self._interest_changes += 1
        if mask:
            try:
                self._backend.modify(fd, mask | direction)
                self._freshen(fd, direction)
                return
            except OSError:  # closed since, perhaps reused: the other direction was the old file's
                self._forget(fd, BOTH ^ direction)
        self._backend.register(fd, direction)
        self._freshen(fd, BOTH)

    def _unwatch(self, fd: int, direction: int) -> None:
        """Have the backend stop watching ``fd`` for READ or WRITE, if it does."""
        mask = self._interest.get(fd, 0)
        if not mask & direction:
            return
        self._interest_changes += 1
        if mask == direction:
            self._backend.unregister(fd)
            self._freshen(fd, BOTH)
            return
        try:
            self._backend.modify(fd, mask & ~direction)
            self._freshen(fd, direction)
        except OSError:  # closed since, perhaps reused: the other direction was the old file's
            self._forget(fd, BOTH ^ direction)

    def _freshen(self, fd: int, directions: int) -> None:
        """What the kernel has reported of these directions so far is not about who waits from now on."""
        self._fresh[fd] = self._fresh.get(fd, 0) | directions
        for table in (self._readers, self._writers):
            if fd in table:
                table.hide(fd)

    def _age(self) -> None:
        """The next report is about all that are registered now."""
        for table in (self._readers, self._writers):
            for fd in self._fresh:
                if fd in table:
                    table.show(fd)
        self._fresh.clear()

    def _forget(self, fd: int, directions: int = BOTH) -> None:
        """What was known of this number belongs to a file that is closed: nothing of it is watched."""
        reader = self._readers.pop(fd) if directions & READ and fd in self._readers else None
        writer = self._writers.pop(fd) if directions & WRITE and fd in self._writers else None
        if fd in self._interest:
            self._interest_changes += 1
            self._backend.unregister(fd)
            self._freshen(fd, BOTH)
        for party in (reader, writer):
            if party is not None:
                party.lost()

    def _rearm(self, fd: int) -> None:
        """Make an edge-triggered backend report ``fd`` again if it is ready."""
        mask = self._interest.get(fd)
        if mask is not None:
            self._interest_changes += 1
            with contextlib.suppress(OSError):  # closed since: there is nothing left to report
                self._backend.modify(fd, mask)

    # -- one turn --------------------------------------------------------------------------------------

    def _turn(self) -> None:  # HOT
        """Ask the kernel, then run the ready queue, the kernel's report, and the timers that are due.

        The first loop is ``_run_handle`` written out, which saves a call for each handle, and the unpacking
        of its one argument, which most have (tests/microbench: call_soon).
        """
        if self._fresh:
            self._age()
        events = self._backend.wait(self._patience())  # Step 1 of 7: the backend waits.
        self._waits += 1
        if self._timers:
            self._collect_due_timers()

        ready = self._ready
        try:
            if ready:
                run_handle = self._run_handle if self._debug else None
                for _ in range(len(ready)):
                    handle = ready.popleft()
                    if run_handle is not None:
                        run_handle(handle)
                    elif not handle._cancelled:
                        try:
                            args = handle._args
                            if len(args) == 1:
                                handle._context.run(handle._callback, args[0])
                            else:
                                handle._context.run(handle._callback, *args)
                        except (SystemExit, KeyboardInterrupt):
                            raise
                        except BaseException as error:
                            self._callback_failed(handle, error)
                handle = args = None  # a failed task's traceback may lead to this frame: it would be a cycle
            if events:
                self._serve_timed(events) if self._debug else self._serve(events)
        except BaseException:
            if self._edge:
                for fd, _ in events:
                    self._rearm(fd)
            raise

        due = self._due
        while due:
            self._run_handle(due.popleft())

    def _serve(self, events: Sequence[Event]) -> None:  # HOT
        """Hand each ready descriptor to whoever waits for it.

        The plain masks, READ alone and WRITE alone, are served here instead of by ``_serve_mixed``, which
        saves a call and two look-ups for each event; and that a call stands in the list is not asked but
        found out, which saves the question (tests/microbench: ring).
        """
        self._events += len(events)
        readers, writers, fresh, read = self._readers.calls, self._writers.calls, self._fresh, READ
        for fd, mask in events:  # Step 2 of 7: a ready descriptor comes back.
            try:
                if mask == read:
                    fire = readers[fd]
                    fire()
                    continue
                if mask == WRITE:
                    fire = writers[fd]
                    fire()
                    continue
            except AskTheTableError:
                pass
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                if fd < len(readers if mask == READ else writers):  # else the look-up failed
                    self._callback_failed(behind(fire, self), error)
                    continue
            if fresh.get(fd) != BOTH:
                self._serve_mixed(fd, mask)

    def _serve_timed(self, events: Sequence[Event]) -> None:
        """The same in debug mode, where each call is timed."""
        self._events += len(events)
        for fd, mask in events:
            if self._fresh.get(fd) != BOTH:
                self._serve_mixed(fd, mask)

    def _serve_mixed(self, fd: int, mask: int) -> None:
        """Serve one event with any mask; where nobody waits, see that it does not come again.

        A hang-up or an error makes both directions ready. An edge-triggered report of one is not repeated,
        so those who wait are told that the stream ends behind what they are about to read.
        """
        interest = self._interest.get(fd, 0)
        if not interest:
            self._forget(fd)
            self._backend.stray(fd)
        fresh = self._fresh
        for direction, table, alien in (
            (READ, self._readers, WRITE),
            (WRITE, self._writers, READ | READ_HANGUP),
        ):
            if not interest & direction or not mask & ~alien:
                continue
            if fresh and fresh.get(fd, 0) & direction:
                continue
            party = table.get(fd)
            if party is None:
                self._unwanted(fd, direction)
                continue
            if mask & ~BOTH:
                party.hangup()
            try:
                self._run_timed(party, party.fire) if self._debug else party.fire()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._callback_failed(party, error)

    def _unwanted(self, fd: int, direction: int) -> None:
        """An event came that nobody waits for: stop watching, or the kernel would repeat it for ever."""
        self._unwanted_events += 1
        if not self._edge:
            self._unwatch(fd, direction)

    def _patience(self) -> float | None:
        """How long the kernel may keep us: not at all, until the next timer, or for ever (None)."""
        timers = self._timers
        if self._cancelled_timers > CANCELLED_TIMERS_KEPT and self._cancelled_timers > len(timers) // 2:
            self._drop_cancelled_timers()  # first, for one by one they would be O(n log n)
        if self._ready or self._due or self._stopping:
            return 0
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)[2]._scheduled = False
            self._cancelled_timers -= 1
        if not timers:
            return None
        return min(max(0.0, timers[0][0] - self._clock()), LONGEST_WAIT)

    def _collect_due_timers(self) -> None:
        """Move the timers whose time has come to ``_due``."""
        timers = self._timers
        now = self._clock()
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False
            if timer._cancelled:
                self._cancelled_timers -= 1
            else:
                self._due.append(timer)

    def _drop_cancelled_timers(self) -> None:
        """Clean the heap in one go."""
        timers = self._timers
        for _, _, timer in timers:
            timer._scheduled = not timer._cancelled
        timers[:] = [entry for entry in timers if entry[2]._scheduled]
        heapq.heapify(timers)
        self._cancelled_timers = 0

    def _run_handle(self, handle: Handle) -> None:
        """Call one handle, unless it was cancelled; what it raises goes to the exception handler."""
        if handle._cancelled:
            return
        try:
            if self._debug:
                self._run_timed(handle, handle._context.run, handle._callback, *handle._args)
            else:
                handle._context.run(handle._callback, *handle._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._callback_failed(handle, error)
        del handle  # as in ``_turn``

    # -- what the next storey refines ------------------------------------------------------------------

    def _check_call(self, callback: Callable[..., object], method: str) -> None:
        """Refuse a call on a closed loop (and more, in debug mode)."""
        if self._closed:
            raise RuntimeError("Event loop is closed")

    def _run_timed(self, party: Any, call: Callable[..., object], *args: Any) -> None:
        """Call, in debug mode."""
        call(*args)

    def _callback_failed(self, party: Any, error: BaseException) -> None:
        """A callback raised: without a storey that reports it, it is the caller's."""
        raise error

    def counters(self) -> dict[str, int]:
        """What the loop did since it was made: turns that asked the kernel, events, and their cost.

        ``waits``: calls of the backend's wait. ``events``: ready descriptors reported. ``interest_changes``:
        registrations, modifications and removals. ``unwanted_events``: events that nobody waited for.
        ``would_block``: system calls that were tried on a socket and found it not ready.
        """
        return {
            "waits": self._waits,
            "events": self._events,
            "interest_changes": self._interest_changes,
            "unwanted_events": self._unwanted_events,
            "would_block": self._would_block,
        }
