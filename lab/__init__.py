"""muxlab: a benchmark lab for I/O multiplexing, and the mini event loop that it measures.

``run(main)`` runs a coroutine on the mini-loop; ``new_event_loop()`` fits wherever asyncio takes a loop
factory (``asyncio.Runner(loop_factory=...)``, ``uvicorn --loop lab:new_event_loop``).
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["Loop", "new_event_loop", "run"]

TYPE_CHECKING = False  # not from typing: the command imports this package before it can catch Ctrl-C
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, Literal, TypeVar

    from lab.loop.loop import Loop

    Result = TypeVar("Result")


def new_event_loop(backend: str | None = None, tasks: Literal["c", "python"] = "c") -> Loop:
    """A new mini-loop on ``backend`` (a name as in ``muxlab backends``; None: the best one here)."""
    from lab.loop.loop import Loop

    return Loop(backend, tasks)


def run(
    main: Coroutine[Any, Any, Result],
    *,
    backend: str | None = None,
    tasks: Literal["c", "python"] = "c",
    debug: bool | None = None,
) -> Result:
    """Run ``main`` on a new mini-loop and return its result, as ``asyncio.run`` does on asyncio's."""
    # Imported here: the load process imports this package, does without asyncio, and starts in half the time.
    import asyncio
    import functools

    factory = functools.partial(new_event_loop, backend, tasks)
    try:
        with asyncio.Runner(debug=debug, loop_factory=factory) as runner:
            return runner.run(main)
    finally:
        # Where no loop could be made nobody awaits it: Python would warn of that beside the error itself.
        if asyncio.iscoroutine(main):
            main.close()


def __getattr__(name: str) -> Any:
    """`Loop` is imported when first asked for: the harness imports this package and measures others."""
    if name == "Loop":
        from lab.loop.loop import Loop

        return Loop
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
