"""A future: a promise of one result, and the callbacks to run once it is kept.

The story begins with a function that can stop half-way. A generator can::

    def ask():
        reply = yield "how much?"    # paused here: the frame and its locals stay alive
        return reply * 2

    asking = ask()
    asking.send(None)    # runs up to the yield, and hands out "how much?"
    asking.send(21)      # resumes it with 21: it ends, raising StopIteration(42)
    # asking.throw(error) would resume it too, by raising the error where it paused

``yield from`` runs one generator inside another: what the innermost yields goes straight to whoever drives
the outermost, and what is sent or thrown goes straight back in. A coroutine is such a generator, and its
``await`` is ``yield from``. So whoever holds the outermost coroutine can pause and resume a whole stack of
calls, with no thread. What remains is to agree what the innermost yields: the thing it waits for, a future.
`Future.__await__` has that yield. Who drives the coroutine, and what it does with the yielded future, is
told in ``task.py``.

Rules
- The state goes from PENDING to CANCELLED or to FINISHED, once, and never back.
- A future never calls its callbacks: it asks the loop to (``call_soon``), each in its own context. So
  ``set_result`` returns before anybody reacts, and no callback runs inside another.
- Whatever has ``_asyncio_future_blocking`` counts as a future for asyncio (`asyncio.isfuture`): this class,
  asyncio's own and any other can be mixed. Names with an underscore are those that asyncio's helpers read.

Pitfalls
- Not thread-safe: from another thread, ``loop.call_soon_threadsafe(future.set_result, value)``.
- A traceback refers to frames, and a frame to its ``self``: an exception raised out of the future that
  stores it would be a cycle, for the garbage collector to find. ``del self`` at the end prevents it.
- ``isinstance(future, asyncio.Future)`` is false, as that names a C class; `asyncio.isfuture` is the test.

Sources: PEP 255, 342, 380 (generators), 492 (await), 3148 (futures), 3156 (asyncio); "Extending asyncio" in
Python's documentation.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import traceback
from asyncio.base_futures import _future_repr
from asyncio.format_helpers import extract_stack
from collections.abc import Callable, Generator
from types import GenericAlias
from typing import Any

PENDING = "PENDING"
CANCELLED = "CANCELLED"
FINISHED = "FINISHED"

DoneCallback = Callable[[Any], object]
"""What `Future.add_done_callback` takes: it is called with the future that is done."""


class Future:
    """The result of something that has not happened yet; made for, and by, one event loop.

    ``await future`` gives its result, or raises its exception or `asyncio.CancelledError`. It behaves as
    `asyncio.Future` does. ``loop`` defaults to the running loop; without one, asyncio's rules for
    `asyncio.get_event_loop` apply.
    """

    # What holds before anything happened, also for a subclass that does not call __init__.
    _state = PENDING
    _result: Any = None
    _exception: BaseException | None = None
    _exception_traceback: Any = None
    _cancel_message: Any = None
    _cancelled_exc: asyncio.CancelledError | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _source_traceback: traceback.StackSummary | None = None
    __unretrieved = False

    # Not None: the class takes part in asyncio's agreement. True: `__await__` yielded this future a moment
    # ago, which tells the task "await future" from a stray "yield future".
    _asyncio_future_blocking = False

    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop = asyncio.get_event_loop() if loop is None else loop
        self._callbacks: list[tuple[DoneCallback, contextvars.Context]] = []
        if loop.get_debug():
            self._source_traceback = extract_stack(sys._getframe(1))

    def __await__(self) -> Generator[Future, None, Any]:
        """Pause the coroutine that awaits until this future is done; return the result or raise."""
        try:
            if self._state is PENDING:
                self._asyncio_future_blocking = True
                yield self  # Here every coroutine pauses; its task takes the future and resumes it when done.
                if self._state is PENDING:
                    raise RuntimeError("await wasn't used with future")
            return self.result()
        finally:
            del self  # this frame is part of an exception's traceback, see above

    __iter__ = __await__  # for ``yield from future`` in a generator

    # The promise is kept, once.

    def set_result(self, result: Any) -> None:
        """Finish with ``result``; raise `asyncio.InvalidStateError` if this future is done already."""
        # Step 4 of 7: the future gets its result.
        if self._state is not PENDING:
            raise asyncio.InvalidStateError(f"{self._state}: {self!r}")
        self._result = result
        self._state = FINISHED
        self.__schedule_callbacks()

    def set_exception(self, exception: BaseException | type[BaseException]) -> None:
        """Finish with ``exception``, an instance or a class to call.

        Raises `asyncio.InvalidStateError` if this future is done already, `TypeError` if it is no
        exception. A `StopIteration` would end the awaiting coroutine instead of failing it, so a
        `RuntimeError` caused by it takes its place.
        """
        if self._state is not PENDING:
            raise asyncio.InvalidStateError(f"{self._state}: {self!r}")
        if isinstance(exception, type):
            exception = exception()
        if not isinstance(exception, BaseException):
            raise TypeError(f"expected an exception or an exception class, got {exception!r}")
        if isinstance(exception, StopIteration):
            exception = _wrapped_stop_iteration(exception)
        self._exception = exception
        self._exception_traceback = exception.__traceback__
        self._state = FINISHED
        self.__schedule_callbacks()
        self.__unretrieved = True

    def cancel(self, msg: Any = None) -> bool:
        """Cancel: who awaits gets `asyncio.CancelledError` with ``msg``. False if this is done already."""
        self.__unretrieved = False
        if self._state is not PENDING:
            return False
        self._state = CANCELLED
        self._cancel_message = msg
        self.__schedule_callbacks()
        return True

    # Who wants to know about it.

    def add_done_callback(self, fn: DoneCallback, *, context: contextvars.Context | None = None) -> None:
        """Have the loop call ``fn(future)`` soon after this is done, in ``context`` or a copy of today's."""
        if self._state is not PENDING:
            self._loop.call_soon(fn, self, context=context)
        else:
            self._callbacks.append((fn, contextvars.copy_context() if context is None else context))

    def remove_done_callback(self, fn: DoneCallback) -> int:
        """Forget every callback that equals ``fn``; return how many there were."""
        kept = [(callback, context) for callback, context in self._callbacks if callback != fn]
        removed = len(self._callbacks) - len(kept)
        self._callbacks = kept
        return removed

    def __schedule_callbacks(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback, context in callbacks:
            self._loop.call_soon(callback, self, context=context)

    # What became of it.

    def done(self) -> bool:
        """Whether there is a result or an exception, or the future was cancelled."""
        return self._state is not PENDING

    def cancelled(self) -> bool:
        """Whether the future was cancelled."""
        return self._state is CANCELLED

    def result(self) -> Any:
        """Return the result or raise the exception.

        Raises `asyncio.CancelledError` if it was cancelled, `asyncio.InvalidStateError` if it is not done.
        """
        if self._state is FINISHED and self._exception is None:
            return self._result
        exception = self.__retrieve("Result is not ready.")
        try:
            raise exception.with_traceback(self._exception_traceback)
        finally:
            del self, exception

    def exception(self) -> BaseException | None:
        """Return the exception, None if there is a result instead; raises as `result` does otherwise."""
        return self.__retrieve("Exception is not set.")

    def __retrieve(self, not_yet: str) -> BaseException | None:
        if self._state is CANCELLED:
            raise self._make_cancelled_error()
        if self._state is PENDING:
            raise asyncio.InvalidStateError(not_yet)
        self.__unretrieved = False
        return self._exception

    def _make_cancelled_error(self) -> asyncio.CancelledError:
        """Return what to raise for a cancelled future: first the original error, with its traceback."""
        original, self._cancelled_exc = self._cancelled_exc, None
        if original is not None:
            return original
        if self._cancel_message is None:
            return asyncio.CancelledError()
        return asyncio.CancelledError(self._cancel_message)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop that this future belongs to."""
        if self._loop is None:
            raise RuntimeError("Future object is not initialized.")
        return self._loop

    # An exception that nobody asked for is reported, when nobody can ask any more.

    @property
    def _log_traceback(self) -> bool:
        return self.__unretrieved

    @_log_traceback.setter
    def _log_traceback(self, value: bool) -> None:
        if value:
            raise ValueError("_log_traceback can only be set to False")
        self.__unretrieved = False

    def __del__(self) -> None:
        if self.__unretrieved:
            self.__unretrieved = False
            message = f"{type(self).__name__} exception was never retrieved"
            self._report({"message": message, "exception": self._exception, "future": self})

    def _report(self, context: dict[str, Any]) -> None:
        """Give ``context`` to the loop's exception handler, with the place that created this if known."""
        if self._source_traceback:
            context["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(context)

    def __repr__(self) -> str:
        return _future_repr(self)


def loop_of(future: Any) -> asyncio.AbstractEventLoop:
    """Return the loop of anything that counts as a future: some lack ``get_loop``, some ``_loop``."""
    loop = getattr(future, "_loop", None)
    return future.get_loop() if loop is None else loop


def _wrapped_stop_iteration(stop: StopIteration) -> RuntimeError:
    error = RuntimeError("StopIteration interacts badly with generators and cannot be raised into a Future")
    error.__cause__ = error.__context__ = stop
    return error
