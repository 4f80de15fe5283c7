"""A loop's life: run, stop, close; and what runs on it.

``run_until_complete`` is no more than this: make the coroutine a task, stop the loop when it is done, and
take turns until then. ``stop`` lets the turn end that is under way. ``close`` gives back what the kernel
lent.

Also here: futures and tasks made for this loop (asyncio's C ones, or those of ``future.py`` and ``task.py``
with ``tasks="python"``), and asynchronous generators, which a loop must close when it ends because nobody
else can run their ``finally``.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import threading
import time
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, Literal

from backends.contract import Backend
from lab.loop import future as python_future
from lab.loop import task as python_task
from lab.loop.diagnostics import DiagnosticsLoop

TASKS: dict[str, tuple[type, type]] = {
    "c": (asyncio.Future, asyncio.Task),
    "python": (python_future.Future, python_task.Task),
}
"""What ``tasks=`` may be: the classes of futures and tasks."""


class LifecycleLoop(DiagnosticsLoop):
    """The third storey: a loop that can be run, stopped and closed."""

    def __init__(
        self,
        backend: Backend,
        clock: Callable[[], float] = time.monotonic,
        tasks: Literal["c", "python"] = "c",
    ) -> None:
        super().__init__(backend, clock)
        if tasks not in TASKS:
            raise ValueError(f"tasks is one of {', '.join(map(repr, TASKS))}; got {tasks!r}")
        self._future_class, self._task_class = TASKS[tasks]
        self._task_factory: Callable[..., asyncio.Future[Any]] | None = None
        self._asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._asyncgens_shutdown_called = False
        # HOT: as in ``_answer_in_c``; closing the loop takes it back, since the two hold each other.
        if type(self).create_future is LifecycleLoop.create_future:
            self.create_future = functools.partial(  # type: ignore[method-assign]
                self._future_class, loop=self
            )

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} backend={self._backend.name} running={self.is_running()} "
            f"closed={self.is_closed()} debug={self.get_debug()}>"
        )

    # -- running and stopping --------------------------------------------------------------------------

    def run_forever(self) -> None:
        """Take turns until ``stop()`` is called."""
        self._check_closed()
        self._check_running()
        hooks = sys.get_asyncgen_hooks()
        origin_depth = sys.get_coroutine_origin_tracking_depth()
        try:
            self._thread_id = threading.get_ident()
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_started, finalizer=self._asyncgen_dropped)
            if self._debug:
                sys.set_coroutine_origin_tracking_depth(10)
            asyncio._set_running_loop(self)
            while True:
                self._turn()
                if self._stopping:
                    break
        finally:
            self._stopping = False
            self._thread_id = None
            asyncio._set_running_loop(None)
            sys.set_coroutine_origin_tracking_depth(origin_depth)
            sys.set_asyncgen_hooks(*hooks)

    def run_until_complete(self, future: Any) -> Any:
        """Run until ``future`` (an awaitable) is done; its result is returned, its exception raised."""
        self._check_closed()
        self._check_running()
        is_new = not asyncio.isfuture(future)
        future = asyncio.ensure_future(future, loop=self)
        if is_new:
            future._log_destroy_pending = False  # if the loop is stopped early, the caller hears of it below
        future.add_done_callback(_stop_its_loop)
        try:
            self.run_forever()
        except BaseException:
            if is_new and future.done() and not future.cancelled():
                future.exception()  # it is on its way up already: nothing to warn of
            raise
        finally:
            future.remove_done_callback(_stop_its_loop)
        if not future.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return future.result()

    def stop(self) -> None:
        """End ``run_forever`` after this turn; what is in the ready queue then waits for the next run."""
        self._stopping = True

    def is_closed(self) -> bool:
        """Whether ``close()`` was called."""
        return self._closed

    def close(self) -> None:
        """Drop all callbacks and give the backend's resources back; a closed loop cannot be used again."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self._closed:
            return
        self._closed = True
        for table in (self._ready, self._due, self._timers, self._readers, self._writers):
            table.clear()
        self.__dict__.pop("create_future", None)
        self._backend.close()

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not getattr(self, "_closed", True):
            _warn(f"unclosed event loop {self!r}", ResourceWarning, source=self)
            if not self.is_running():
                self.close()

    def _check_running(self) -> None:
        if self.is_running():
            raise RuntimeError("This event loop is already running")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    # -- what runs on it -------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return self._future_class(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        """Drive ``coro``; ``options`` go to the task class (``eager_start`` from Python 3.12 on)."""
        self._check_closed()
        if context is not None:
            options["context"] = context
        if self._task_factory is None:
            task = self._task_class(coro, loop=self, name=name, **options)
            if self._debug and getattr(task, "_source_traceback", None):
                del task._source_traceback[-1]
            return task
        task = self._task_factory(self, coro, **options)
        if name is not None and hasattr(task, "set_name"):
            task.set_name(name)
        return task

    def set_task_factory(self, factory: Callable[..., asyncio.Future[Any]] | None) -> None:
        """Make tasks by ``factory(loop, coro, **options)``; None: by the class chosen at the start."""
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        self._task_factory = factory

    def get_task_factory(self) -> Callable[..., asyncio.Future[Any]] | None:
        """What was set, or None."""
        return self._task_factory

    # -- asynchronous generators -----------------------------------------------------------------------

    def _asyncgen_started(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._asyncgens_shutdown_called:
            warnings.warn(
                f"asynchronous generator {generator!r} was scheduled after loop.shutdown_asyncgens() call",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
        self._asyncgens.add(generator)

    def _asyncgen_dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._asyncgens.discard(generator)
        if not self._closed:
            self.call_soon_threadsafe(self.create_task, generator.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close every asynchronous generator that was started here and has not ended."""
        self._asyncgens_shutdown_called = True
        generators = list(self._asyncgens)
        self._asyncgens.clear()
        results = await asyncio.gather(*(each.aclose() for each in generators), return_exceptions=True)
        for result, generator in zip(results, generators, strict=True):
            if isinstance(result, Exception):
                self.call_exception_handler(
                    {
                        "message": f"an error occurred during closing of asynchronous generator {generator}",
                        "exception": result,
                        "asyncgen": generator,
                    }
                )


def _stop_its_loop(future: asyncio.Future[Any]) -> None:
    """End ``run_until_complete``; a KeyboardInterrupt is on its way up already and ends it by itself."""
    if not future.cancelled() and isinstance(future.exception(), (SystemExit, KeyboardInterrupt)):
        return
    future.get_loop().stop()
