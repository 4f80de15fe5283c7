"""What tasks run, seen: the callbacks by which the loop calls them, and the coroutines that they drive.

Rules
- A task's coroutine is wrapped, so ``task.get_coro()`` gives the wrapper; it answers whatever is asked of the
  coroutine. C and Python tasks alike drive anything that has ``send`` and ``throw``. The same for callbacks.
- A frame lets go of tasks and errors at its end: it may be part of the traceback of an error that the task
  keeps, and a cycle would keep both until the garbage collector comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from lab.tracing.recorder import COROUTINE, Recorder, Step, task_name

_OBSERVERS = {str(Path(__file__).with_name(f"{name}.py")) for name in ("observers", "traced_loop")}


class ObservedCallback:
    """A callback that is called as ``around(callback, *args)``; for those who ask it is the callback."""

    __slots__ = ("_around", "_callback")

    def __init__(self, callback: Callable[..., object], around: Callable[..., object]) -> None:
        self._callback, self._around = callback, around

    def __getattr__(self, name: str) -> Any:
        return getattr(self._callback, name)

    def __call__(self, *args: Any) -> None:
        try:
            self._around(self._callback, *args)
        finally:
            del self, args  # the task: this frame may be kept by an error that the task keeps


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
            waits_for = type(awaited).__name__.removeprefix("Observed")
            then = "pauses for one turn" if awaited is None else f"pauses for {waits_for}"
            return awaited
        except StopIteration:
            then = "ends"
            raise
        finally:
            recorder.end(span, then=then)
            del args  # the error that was thrown in, whose traceback leads here


def awaiting(coroutine: Any) -> list[str]:
    """The names of a coroutine and of those that it awaits, the innermost last; observers are left out.

    One that has not begun yet is all there is: it has the name of what it observes.
    """
    names, observers = [], []
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        if code is not None:
            found = observers if code.co_filename in _OBSERVERS else names
            found.append(getattr(coroutine, "__qualname__", code.co_name))
        awaited = getattr(coroutine, "cr_await", None)
        coroutine = awaited if awaited is not None else getattr(coroutine, "gi_yieldfrom", None)
    return names or observers or ["coroutine"]
