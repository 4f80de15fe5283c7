"""Programs run on a traced loop, and what was recorded of them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lab.tracing.recorder import Recorder
from lab.tracing.traced_loop import TracedLoop
from tests.backends.conftest import open_by_name

PATIENCE = 20.0
"""Seconds after which a test is hung; no test that passes comes near it."""


def recorded(
    program: Callable[[], Coroutine[Any, Any, Any]], backend: str = "", tasks: str = "c"
) -> Recorder:
    """Run it, on the best backend unless one is named, and return what was recorded."""
    recorder = Recorder()
    opened = open_by_name(backend) if backend else None
    factory = functools.partial(TracedLoop, recorder, opened, tasks)

    async def in_time() -> None:
        async with asyncio.timeout(PATIENCE):
            await program()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(in_time())
    return recorder


@pytest.fixture(params=("c", "python"))
def tasks(request: pytest.FixtureRequest) -> str:
    """Both kinds of tasks."""
    return request.param
