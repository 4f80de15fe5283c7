"""A loop without a kernel: a queue that the test empties by hand, one turn at a time."""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any


class HandCrankedLoop:
    """What futures and tasks ask of a loop, and nothing else; ``reports``: what it was told went wrong."""

    def __init__(self, *, debug: bool = False, running: bool = False) -> None:
        self.ready: deque[tuple[Callable[..., object], tuple[Any, ...], contextvars.Context]] = deque()
        self.reports: list[dict[str, Any]] = []
        self.debug = debug
        self.running = running

    def get_debug(self) -> bool:
        return self.debug

    def is_running(self) -> bool:
        return self.running

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> None:
        self.ready.append((callback, args, contextvars.copy_context() if context is None else context))

    def call_exception_handler(self, report: dict[str, Any]) -> None:
        self.reports.append(report)

    def turn(self) -> int:
        """Call what is queued now, not what that queues; return how many calls it was."""
        calls = len(self.ready)
        for _ in range(calls):
            callback, args, context = self.ready.popleft()
            try:
                context.run(callback, *args)
            finally:
                del callback, args  # a traceback may keep this frame, which may not keep a future
        return calls

    def run(self) -> None:
        """Take turns until nothing is queued."""
        while self.turn():
            pass
