"""What a loop says when something goes wrong: the exception handler and debug mode.

A callback has no caller that could catch what it raises, so the loop hands it to the exception handler, and
goes on. In debug mode it also checks that it is called from its own thread and with what can be called,
remembers where things were made, and logs callbacks that keep everybody else waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import reprlib
import sys
import threading
import time
import traceback
from asyncio import coroutines
from collections.abc import Callable
from typing import Any

from backends.contract import Backend
from lab.loop.task import Task
from lab.loop.turn import TurnLoop

logger = logging.getLogger("asyncio")


class DiagnosticsLoop(TurnLoop):
    """The second storey: a loop that reports errors and can watch itself."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(backend, clock)
        self._exception_handler: Callable[[Any, dict[str, Any]], object] | None = None
        self._thread_id: int | None = None
        self.slow_callback_duration = 0.1
        self.set_debug(coroutines._is_debug_mode())  # the interpreter's -X dev, PYTHONASYNCIODEBUG

    def is_running(self) -> bool:
        """Whether the loop is taking turns now."""
        return self._thread_id is not None

    # -- errors ----------------------------------------------------------------------------------------

    def set_exception_handler(self, handler: Callable[[Any, dict[str, Any]], object] | None) -> None:
        """Call ``handler(loop, context)`` for errors that have no caller; None: log them."""
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def get_exception_handler(self) -> Callable[[Any, dict[str, Any]], object] | None:
        """What was set, or None."""
        return self._exception_handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log ``context``: its message, its exception with traceback, and whatever else it holds."""
        lines = [context.get("message") or "Unhandled exception in event loop"]
        for key in sorted(set(context) - {"message", "exception"}):
            value = context[key]
            if key in ("source_traceback", "handle_traceback"):
                stack = "".join(traceback.format_list(value)).rstrip()
                title = "Object" if key == "source_traceback" else "Handle"
                lines.append(f"{title} created at (most recent call last):\n{stack}")
            else:
                lines.append(f"{key}: {value!r}")
        error = context.get("exception")
        told = False if error is None else (type(error), error, error.__traceback__)
        logger.error("\n".join(lines), exc_info=told)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error that has no caller; a handler that fails itself is reported by the default one."""
        try:
            if self._exception_handler is None:
                self.default_exception_handler(context)
            else:
                self._in_callers_context(context, self._exception_handler, self, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if self._exception_handler is None:
                logger.error("Exception in default exception handler", exc_info=True)
                return
            self.default_exception_handler(
                {"message": "Unhandled error in exception handler", "exception": error, "context": context}
            )

    def _in_callers_context(self, context: dict[str, Any], call: Callable[..., object], *args: Any) -> None:
        """Call in the context of the task, future or handle that failed, as asyncio does since 3.11."""
        party = context.get("task") or context.get("future") or context.get("handle")
        get_context = getattr(party, "get_context", None)
        own = get_context() if get_context is not None else getattr(party, "_context", None)
        if isinstance(own, contextvars.Context):
            own.run(call, *args)
        else:
            call(*args)

    def _callback_failed(self, party: Any, error: BaseException) -> None:
        context = {
            "message": f"Exception in callback {describe_callback(party)}",
            "exception": error,
            "handle": party,
        }
        if getattr(party, "_source_traceback", None):
            context["source_traceback"] = party._source_traceback
        self.call_exception_handler(context)

    # -- debug mode ------------------------------------------------------------------------------------

    def get_debug(self) -> bool:
        """Whether calls are checked and slow callbacks are reported."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Check threads and arguments, remember where things were made, and log slow callbacks."""
        self._debug = enabled
        self._answer_in_c()
        if self.is_running():
            self.call_soon_threadsafe(sys.set_coroutine_origin_tracking_depth, 10 if enabled else 0)

    def _answer_in_c(self) -> None:
        """Have ``get_debug`` answered by a built-in method: every future asks when it is made.

        It saves a frame each time (tests/microbench: future). A subclass keeps a ``get_debug`` of its own.
        """
        if type(self).get_debug is DiagnosticsLoop.get_debug:
            self.get_debug = bool(self._debug).__bool__  # type: ignore[method-assign]

    def _check_closed(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")

    def _check_call(self, callback: Callable[..., object], method: str) -> None:
        self._check_closed()
        if self._thread_id is not None and self._thread_id != threading.get_ident():
            raise RuntimeError(
                "Non-thread-safe operation invoked on an event loop other than the current one"
            )
        self._check_callback(callback, method)

    def _check_callback(self, callback: Callable[..., object], method: str) -> None:
        if asyncio.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError(f"coroutines cannot be used with {method}()")
        if not callable(callback):
            raise TypeError(f"a callable object was expected by {method}(), got {callback!r}")

    def _run_timed(self, party: Any, call: Callable[..., object], *args: Any) -> None:
        driven = getattr(getattr(party, "_callback", None), "__self__", None)
        begin = self._clock()
        try:
            call(*args)
        finally:
            took = self._clock() - begin
            if took >= self.slow_callback_duration:
                party = driven if isinstance(driven, (asyncio.Task, Task)) else party
                logger.warning("Executing %r took %.3f seconds", party, took)
            del party, call, args, driven  # as in ``TurnLoop._turn``


def describe_callback(party: Any) -> str:
    """``name(arguments)`` of a handle's callback, for messages."""
    callback = getattr(party, "_callback", None)
    if callback is None:
        return repr(party)
    name = getattr(callback, "__qualname__", None) or repr(callback)
    return f"{name}({', '.join(reprlib.repr(each) for each in getattr(party, '_args', None) or ())})"
