"""Whether a loop has what a workload calls, found by letting it begin; and how to say that it has not.

Rule: only `NotImplementedError`, or a method of asyncio's that is not there at all, makes a cell unsupported.
Anything else that goes wrong here goes wrong in the sample too, where it fails with its whole account.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine

from lab.harness.measured.listener import listen, socket_path
from lab.workloads.contract import InProcessWorkload, ServedWorkload, Workload

TURNS = 10
"""A server that has not refused after so many turns of the loop serves."""
PATIENCE_S = 1.0
"""An exercise that has not refused after so long is left to the sample, which can tell where it hangs."""


def unsupported(new_loop: Callable[[], asyncio.AbstractEventLoop], work: Workload) -> str | None:
    """What ``work`` calls that loops from ``new_loop`` do not implement: ``create_server over TLS``; None:
    it can be tried."""
    loop = new_loop()
    try:
        loop.set_exception_handler(lambda _loop, _context: None)
        if isinstance(work, ServedWorkload):
            with socket_path(work.wire) as path, listen(work.wire, path) as listener:
                loop.run_until_complete(_begin(work.serve(listener)))
        if isinstance(work, InProcessWorkload):
            smallest = {parameter.name: parameter.minimum for parameter in work.parameters}
            with work.on_loop(loop, smallest) as exercise:
                loop.run_until_complete(_try(exercise.run(0.0)))
    except Exception as error:
        lacks = lacked(error, loop)
        return lacks and lacks + (" over TLS" if getattr(work, "wire", None) == "tls" else "")
    finally:
        loop.close()
    return None


def lacked(error: Exception, loop: asyncio.AbstractEventLoop) -> str | None:
    """What ``loop`` does not implement, if that is what ``error`` means; None: it means something else."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, NotImplementedError):
        return missing(error)
    absent = isinstance(error, AttributeError) and error.obj is loop
    return error.name if absent and hasattr(asyncio.AbstractEventLoop, error.name) else None


def missing(error: NotImplementedError) -> str:
    """The loop's method that raised ``error``, or what the error says of itself."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if hasattr(asyncio.AbstractEventLoop, frame.name):
            return frame.name
    return str(error) or "something that this workload calls"


async def _begin(serving: Coroutine[None, None, None]) -> None:
    """Let ``serving`` run for some turns; raises what it raised by then."""
    task = asyncio.ensure_future(serving)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return


async def _try(exercising: Coroutine[None, None, int]) -> None:
    """Let ``exercising`` run to its end, or for a while; raises what it raised."""
    await asyncio.wait_for(exercising, PATIENCE_S)
