"""The top of the tower: the loop that programs use.

All it adds is the choice of a backend by name, and the counters of the storeys below in one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import backends
from backends.contract import Backend
from lab.loop.subprocesses import SubprocessesLoop


class Loop(SubprocessesLoop):
    """muxlab's mini event loop, an `asyncio.AbstractEventLoop`.

    ``backend``: a name as in ``muxlab backends``, an open `Backend`, or None for the best one here. The loop
    owns it and closes it. ``tasks``: "c" for asyncio's own futures and tasks, "python" for the readable ones
    of this package. ``clock`` gives seconds and never runs backwards.

    Raises what `backends.open_backend` raises for a name that is unknown or not available here.
    """

    def __init__(
        self,
        backend: str | Backend | None = None,
        tasks: Literal["c", "python"] = "c",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(backend, Backend):
            backend = backends.open_backend(backend)
        try:
            super().__init__(backend, clock, tasks)
        except BaseException:
            self._closed = True
            backend.close()
            raise

    @property
    def backend(self) -> Backend:
        """The readiness mechanism that this loop waits on."""
        return self._backend
