"""A handle: a callback that the loop has promised to call, with its arguments and its context.

Each call that a loop has to make stands somewhere as a handle: ``call_soon`` puts one into the ready queue,
``call_later`` into the timers, ``add_reader`` into the table of descriptors. A handle can be cancelled; in a
queue it stays where it is and is passed over when its turn comes, which is cheaper than to search for it.
What it held is let go at once.

These are asyncio's handles by type, so that ``isinstance`` and debuggers see what they expect; only their
construction is our own, because a ``call_soon`` is mostly that.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import traceback
import types
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

_STACK_DEPTH = 10
"""Frames kept in debug mode, as asyncio keeps them (asyncio.constants.DEBUG_STACK_DEPTH)."""


def creation_stack(frame: FrameType | None) -> traceback.StackSummary:
    """Where something was created: the frames that led into the loop, the innermost last (debug mode)."""
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    stack = traceback.StackSummary.extract(
        traceback.walk_stack(frame), limit=_STACK_DEPTH, lookup_lines=False
    )
    stack.reverse()
    return stack


class Handle(asyncio.Handle):
    """A callback in the ready queue; ``cancel()`` takes it back.

    It is made empty, without a constructor in Python, and then filled (tests/microbench: call_soon).
    """

    __slots__ = ()
    __init__ = object.__init__  # type: ignore[assignment]

    def fill(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: Any,
        context: contextvars.Context | None = None,
    ) -> Self:
        """Promise ``callback(*args)`` on ``loop``, in a copy of the current context if none is given."""
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = creation_stack(sys._getframe(1)) if loop._debug else None
        return self


class TimerHandle(Handle, asyncio.TimerHandle):
    """A callback for a time; ``when()`` tells it, in seconds of the loop's clock."""

    __slots__ = ()

    def cancel(self) -> None:  # HOT
        """Do not call it any more, and let go of what it held; the loop counts it.

        It stands for asyncio's, which asks the loop by a call whether it debugs, and tells it by another.
        """
        if self._cancelled:
            return
        loop = self._loop
        if self._scheduled:
            loop._cancelled_timers += 1
        self._cancelled = True
        if loop._debug:
            self._repr = repr(self)
        self._callback = self._args = None  # type: ignore[assignment]


class ReadinessHandle(Handle):
    """A callback for a descriptor: ``fire`` calls it when the kernel finds it ready (``add_reader``)."""

    __slots__ = ("fd",)

    def __init__(self, fd: int, callback: Callable[..., object], args: tuple[Any, ...], loop: Any) -> None:
        self.fill(callback, args, loop)
        self.fd = fd

    @staticmethod
    def owner() -> None:
        """No socket object stands behind it: the caller answers for the descriptor's life."""

    def lost(self) -> None:
        """The descriptor is closed, and its number may be another's: there is nothing more to call for."""

    def hangup(self) -> None:
        """The descriptor has hung up or failed: the callback will find out by itself."""


class LevelReadinessHandle(ReadinessHandle):
    """The same under a level-triggered backend, which repeats its report while there is something left.

    ``fire`` is the whole call, made once: a partial of ``Context.run`` takes no Python frame and builds no
    arguments, a fifth of what an event costs (tests/microbench: ring). A bound method is put into it as its
    function and its object, which saves putting the arguments behind the object at each call.
    """

    __slots__ = ("fire",)

    def __init__(self, fd: int, callback: Callable[..., object], args: tuple[Any, ...], loop: Any) -> None:
        super().__init__(fd, callback, args, loop)
        if type(callback) is types.MethodType:
            self.fire = functools.partial(self._context.run, callback.__func__, callback.__self__, *args)
        else:
            self.fire = functools.partial(self._context.run, callback, *args)

    def cancel(self) -> None:
        """Do not call it any more, and let go of what it held."""
        super().cancel()
        self.fire = _nothing


class EdgeReadinessHandle(ReadinessHandle):
    """The same under an edge-triggered backend, which reports a descriptor once.

    Callbacks expect level-triggered readiness: to be called again while there is something left. Arming the
    descriptor anew after each call makes the kernel look again, at the price of one system call.
    """

    __slots__ = ()

    def fire(self) -> None:
        """Call it once, then have the descriptor reported again if it is still ready."""
        try:
            if not self._cancelled:
                self._context.run(self._callback, *self._args)
        finally:
            if not self._cancelled:
                self._loop._rearm(self.fd)


def readiness_handle(
    fd: int, callback: Callable[..., object], args: tuple[Any, ...], loop: Any
) -> ReadinessHandle:
    """A handle for ``fd`` of the kind that the loop's backend needs."""
    kind = EdgeReadinessHandle if loop._edge else LevelReadinessHandle
    return kind(fd, callback, args, loop)


def behind(fire: Callable[[], object], loop: Any) -> Any:
    """The party whose ``fire`` this is; for a ready-made call, a handle that tells the same.

    The handle that made the call may be cancelled by now, and say nothing any more.
    """
    if not isinstance(fire, functools.partial):
        return fire.__self__  # type: ignore[attr-defined]
    callback, *args = fire.args
    if args and callback is getattr(type(args[0]), getattr(callback, "__name__", ""), None):
        callback = types.MethodType(callback, args.pop(0))
    return Handle().fill(callback, tuple(args), loop, fire.func.__self__)


def _nothing() -> None:
    """What a cancelled handle does."""
