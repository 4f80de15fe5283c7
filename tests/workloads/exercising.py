"""What the tests of workloads that drive themselves share: one pass, on a loop or by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop

import lab
from lab.workloads.contract import InProcessWorkload

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "mini-loop": lab.new_event_loop,
    "mini-loop, tasks in Python": lambda: lab.new_event_loop(tasks="python"),
    "uvloop": uvloop.new_event_loop,
}

# libuv opens a pipe for signals with the first loop of a process, and keeps it: no test of ours leaks it.
uvloop.new_event_loop().close()


class LoopFailure(Exception):
    """What a loop told its exception handler."""


def one_pass(
    work: InProcessWorkload,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    inspect: Callable[[Any], object] = lambda _exercise: None,
    **values: int,
) -> int:
    """The operations of the least that the workload can run; ``inspect`` sees the exercise afterwards.

    Raises what the exercise raises, or else the first error that the loop was left with.
    """
    told: list[BaseException] = []
    loop = new_loop()
    try:
        loop.set_exception_handler(lambda _loop, context: told.append(_error_of(context)))
        with work.on_loop(loop, work.scenario(**values).parameters) as exercise:
            operations = loop.run_until_complete(exercise.run(0.0))
            inspect(exercise)
    finally:
        _put_away(loop)
    if told:
        raise told[0]
    return operations


def _put_away(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop with whatever a failed pass left on it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.wait(left) if left else asyncio.sleep(0))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def _error_of(context: dict[str, Any]) -> BaseException:
    return context.get("exception") or LoopFailure(context["message"])


def one_pass_by_hand(work: InProcessWorkload, **values: int) -> int:
    """As `one_pass`, on the floor."""
    with work.by_hand(work.scenario(**values).parameters) as exercise:
        return exercise.run(0.0)
