"""Whether a loop behaves as the workloads rely on: how it is checked, before it is timed.

Not a test of a whole loop, which CPython's own suite is. A loop that fails here does less than the others, or
something else, so that its figures compare with little: it is timed only when that is asked for.

Rules
- The checks are those of `conformance_checks`. Each has a fresh loop, says what it expected and what came.
- What a loop does not implement at all (`NotImplementedError`) is no failure here: the workloads that need it
  are unsupported on it (`probe`).
- A check that hangs is bounded from outside, by `trial`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.harness.trials.probe import lacked

Loop = asyncio.AbstractEventLoop

PATIENCE_S = 2.0
"""What has not happened by then is taken for never."""


class Deviation(Exception):
    """A loop did something else than what asyncio documents; the message says what was expected."""


@dataclass(frozen=True)
class Check:
    """One thing that a loop must do."""

    name: str
    meaning: str
    """What is expected, to follow "expected"."""
    exercise: Callable[[Loop], None]
    """Raises `Deviation`, or whatever the loop raises."""
    complains: bool = False
    """Whether the loop's exception handler is to be called."""


def deviation(new_loop: Callable[[], Loop], each: Check) -> str | None:
    """What loops from ``new_loop`` do instead of what ``each`` expects; None: they do it, or lack it."""
    loop = new_loop()
    complaints: list[dict[str, Any]] = []
    try:
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        each.exercise(loop)
    except Deviation as found:
        return str(found)
    except Exception as error:
        if lacked(error, loop):
            return None
        return f"expected {each.meaning}, got {type(error).__name__}: {error}"
    finally:
        with contextlib.suppress(Exception):
            loop.close()
    if complaints and not each.complains:
        return f"expected no complaint, the exception handler got {complaints[0].get('message')!r}"
    return None


def same(what: str, expected: object, got: object) -> None:
    """Raise `Deviation` unless the two are equal."""
    if got != expected:
        raise Deviation(f"{what}: expected {expected!r:.200}, got {got!r:.200}")


def within(loop: Loop, awaitable: Any, what: str) -> Any:
    """The result of ``awaitable``; raises `Deviation` if it does not come in time."""

    async def bounded() -> Any:
        return await asyncio.wait_for(awaitable, PATIENCE_S)

    began_s, late = time.monotonic(), f"expected {what}, which did not happen within {PATIENCE_S:g} s"
    try:
        result = loop.run_until_complete(bounded())
    except TimeoutError as error:
        raise Deviation(late) from error
    # A loop that sleeps until the time is up may find the result there when it wakes.
    if time.monotonic() - began_s >= PATIENCE_S:
        raise Deviation(late)
    return result
