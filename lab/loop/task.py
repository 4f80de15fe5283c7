"""A task: what drives a coroutine, from one future that it waits for to the next.

A coroutine does nothing by itself. A task is a future, for the coroutine's end, that runs it in *steps*:

1. ``coroutine.send(None)`` runs it until the innermost ``await`` yields the future that it waits for;
2. the task adds its wake-up to that future's done-callbacks, and returns to the loop;
3. the future gets its result, and the loop calls the wake-up: back to 1. An exception or a cancellation
   is thrown in instead, where the coroutine paused.

When the coroutine returns, ``send`` raises `StopIteration` with the value, which is the task's result.

Rules: until it is done, a task is in one of three states
- *waiting*: ``_fut_waiter`` is a future that is not done, and the wake-up is one of its callbacks;
- *scheduled*: the loop has a step or wake-up to call (``_fut_waiter`` is None or done);
- *running*: it is inside its step, and is the loop's `asyncio.current_task`.

A coroutine may yield two things: a future, to be woken when it is done, or None (``asyncio.sleep(0)``), to go
on in the next turn. All else is a mistake, and is thrown back in.

`Task.cancel` cancels the future waited for, and the wake-up then brings the `asyncio.CancelledError`; with
nothing to cancel, ``_must_cancel`` makes the next step throw it. `asyncio.all_tasks` and
`asyncio.current_task` know the task by the functions that "Extending asyncio" documents for this.

Pitfalls
- The loop keeps only weak references to tasks: what nobody refers to can vanish while it waits.
- What is yielded need not be a `Future`: any object with ``_asyncio_future_blocking`` will do, if it has
  ``add_done_callback(fn, context=...)``, ``cancel(msg=...)``, ``result()`` and ``get_loop()`` or ``_loop``.
- Step and wake-up end with ``del self``: their frames may be in the traceback of an exception that the task
  keeps (see ``future.py``).

Sources: PEP 3156, 492, 567 (contexts); "Task cancellation" in Python's documentation.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
from asyncio.base_tasks import _task_get_stack, _task_print_stack, _task_repr
from asyncio.tasks import _enter_task, _leave_task, _register_task
from collections.abc import Coroutine
from types import FrameType, GeneratorType
from typing import Any, TextIO

from lab.loop.future import PENDING, Future, loop_of

UNCANCEL_RESCINDS = sys.version_info >= (3, 13)
"""Since Python 3.13 the `Task.uncancel` that takes back the last request also stops one still on its way."""

_next_task_number = itertools.count(1).__next__


class Task(Future):
    """A coroutine being run, and the future for what it returns; behaves as `asyncio.Task` does.

    ``coro`` starts with the loop's next turn, in ``context`` (None: a copy of the current one). With
    ``eager_start`` and a running loop it runs at once, up to its first pause. Raises `TypeError` if ``coro``
    is not a coroutine.
    """

    _log_destroy_pending = True
    _coro: Any = None
    _name: str = "unstarted"
    _num_cancels_requested = 0

    def __init__(
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        name: object = None,
        context: contextvars.Context | None = None,
        eager_start: bool = False,
    ) -> None:
        if not asyncio.iscoroutine(coro):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        super().__init__(loop=loop)
        if self._source_traceback:
            del self._source_traceback[-1]  # the line above: the caller's is what helps
        self._coro = coro
        self._name = f"Task-{_next_task_number()}" if name is None else str(name)
        self._context = contextvars.copy_context() if context is None else context
        self._fut_waiter: Any = None
        self._must_cancel = False
        _register_task(self)
        if eager_start and self._loop.is_running():
            self.__start_now()
        else:
            self._loop.call_soon(self.__step, context=self._context)

    # The drive: step, pause, wake-up, step ...

    def __step(self, error: BaseException | None = None) -> None:
        """Run the coroutine up to its next pause, as the loop's current task; throw ``error`` in if given."""
        if self._state is not PENDING:
            raise asyncio.InvalidStateError(f"_step(): already done: {self!r}, {error!r}")
        if self._must_cancel:
            self._must_cancel = False
            if not isinstance(error, asyncio.CancelledError):
                error = self._make_cancelled_error()
        self._fut_waiter = None
        loop = self._loop
        _enter_task(loop, self)
        try:
            # Step 6 of 7: send() goes through every awaiting coroutine into the innermost.
            awaited = self._coro.send(None) if error is None else self._coro.throw(error)
        except StopIteration as stop:
            self.__finish(stop.value)
        except asyncio.CancelledError as cancelled:
            self._cancelled_exc = _begun_in_coroutine(cancelled)
            super().cancel()
        except BaseException as failure:
            super().set_exception(_begun_in_coroutine(failure))
            if isinstance(failure, (KeyboardInterrupt, SystemExit)):
                raise
        else:
            self.__wait_for(awaited)
        finally:
            _leave_task(loop, self)
            del self, error

    def __wait_for(self, awaited: Any) -> None:
        """Be woken when ``awaited`` is done, or in the next turn if the coroutine yielded None."""
        if awaited is None:
            self._loop.call_soon(self.__step, context=self._context)
        elif (
            getattr(awaited, "_asyncio_future_blocking", None)
            and loop_of(awaited) is self._loop
            and awaited is not self
        ):
            awaited._asyncio_future_blocking = False
            awaited.add_done_callback(self.__wake_up, context=self._context)
            self._fut_waiter = awaited
            if self._must_cancel and awaited.cancel(msg=self._cancel_message):
                self._must_cancel = False
        else:
            self._loop.call_soon(self.__step, self.__misuse(awaited), context=self._context)

    def __wake_up(self, future: Any) -> None:
        # Step 5 of 7: the done-callback of the future that this task waited for.
        try:
            future.result()
        except BaseException as error:
            self.__step(error)
        else:
            self.__step()  # without the result: `Future.__await__` fetches it itself
        finally:
            del self, future

    def __finish(self, result: Any) -> None:
        if self._must_cancel:  # cancelled in its very last step
            self._must_cancel = False
            super().cancel(msg=self._cancel_message)
        else:
            super().set_result(result)

    def __misuse(self, awaited: Any) -> RuntimeError:
        blocking = getattr(awaited, "_asyncio_future_blocking", None)
        if blocking is not None and loop_of(awaited) is not self._loop:
            return RuntimeError(f"Task {self!r} got Future {awaited!r} attached to a different loop")
        if blocking:
            return RuntimeError(f"Task cannot await on itself: {self!r}")
        if blocking is not None:
            return RuntimeError(f"yield was used instead of yield from in task {self!r} with {awaited!r}")
        if isinstance(awaited, GeneratorType):
            return RuntimeError(
                f"yield was used instead of yield from for generator in task {self!r} with {awaited!r}"
            )
        return RuntimeError(f"Task got bad yield: {awaited!r}")

    def __start_now(self) -> None:
        """Take the first step inside the caller's: the caller's task steps aside for as long."""
        loop = self._loop
        caller = asyncio.current_task(loop)
        if caller is not None:
            _leave_task(loop, caller)
        try:
            self._context.run(self.__step)
        finally:
            if caller is not None:
                _enter_task(loop, caller)
            if self._state is not PENDING:
                self._coro = None

    # Cancellation: a request, which the coroutine may act on, delay or refuse.

    def cancel(self, msg: Any = None) -> bool:
        """Ask the coroutine to stop: `asyncio.CancelledError` with ``msg`` is raised where it waits.

        False if the task is done already. Each call counts as a request, see `cancelling`.
        """
        self._log_traceback = False
        if self._state is not PENDING:
            return False
        self._num_cancels_requested += 1
        if self._fut_waiter is not None and self._fut_waiter.cancel(msg=msg):
            # _fut_waiter stays: it may be a task that refuses, and is to be cancelled again later.
            return True
        self._must_cancel = True
        self._cancel_message = msg
        return True

    def cancelling(self) -> int:
        """Return how many requests to cancel have not been taken back by `uncancel`."""
        return self._num_cancels_requested

    def uncancel(self) -> int:
        """Take back one request to cancel; return how many remain. For those who called `cancel`."""
        if self._num_cancels_requested > 0:
            self._num_cancels_requested -= 1
            if self._num_cancels_requested == 0 and UNCANCEL_RESCINDS:
                self._must_cancel = False
        return self._num_cancels_requested

    def set_result(self, result: Any) -> None:
        """Raise `RuntimeError`: only the coroutine decides what its task returns."""
        raise RuntimeError("Task does not support set_result operation")

    def set_exception(self, exception: object) -> None:
        """Raise `RuntimeError`: only the coroutine decides how its task fails."""
        raise RuntimeError("Task does not support set_exception operation")

    # What can be asked about a task.

    def get_coro(self) -> Coroutine[Any, Any, Any] | None:
        """Return the coroutine; None for one that started eagerly and ended at once."""
        return self._coro

    def get_context(self) -> contextvars.Context:
        """Return the context that the coroutine runs in."""
        return self._context

    def get_name(self) -> str:
        """Return the name: as given, or ``Task-`` and a number."""
        return self._name

    def set_name(self, value: object) -> None:
        """Set the name to ``str(value)``."""
        self._name = str(value)

    def get_stack(self, *, limit: int | None = None) -> list[FrameType]:
        """Return the frame where the coroutine waits, or, if it failed, its traceback's; oldest first.

        ``limit`` keeps the newest frames of a stack, the oldest of a traceback; as `traceback` does.
        """
        return _task_get_stack(self, limit)

    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None:
        """Print what `get_stack` returns, as a traceback, to ``file`` (None: standard error)."""
        _task_print_stack(self, limit, file)

    def __repr__(self) -> str:
        return _task_repr(self)

    def __del__(self) -> None:
        if self._state is PENDING and self._log_destroy_pending and self._loop is not None:
            self._report({"task": self, "message": "Task was destroyed but it is pending!"})
        super().__del__()


def _begun_in_coroutine(error: BaseException) -> BaseException:
    """Cut the driving task's frame off the traceback, where asyncio's C task has none."""
    return error.with_traceback(error.__traceback__.tb_next)
