"""Asynchronous generators: who stops them half-way, and when."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import turns


async def counting(log: list[str]) -> AsyncIterator[int]:
    try:
        for number in range(3):
            yield number
    finally:
        await asyncio.sleep(0)
        log.append("closed")


async def started(generator: AsyncIterator[int]) -> int:
    """Its first value, asked for inside the loop: that is when the loop hears of a generator."""
    return await anext(generator)


def test_a_dropped_generator_is_closed_by_the_loop(any_tasks: Loop) -> None:
    log: list[str] = []

    async def main() -> None:
        generator = counting(log)
        await anext(generator)
        del generator
        gc.collect()
        await turns(4)

    any_tasks.run_until_complete(main())
    assert log == ["closed"]


def test_shutdown_closes_the_generators_that_live(any_tasks: Loop) -> None:
    log: list[str] = []
    generators = [counting(log), counting(log)]
    for generator in generators:
        assert any_tasks.run_until_complete(started(generator)) == 0
    any_tasks.run_until_complete(any_tasks.shutdown_asyncgens())
    assert log == ["closed", "closed"]
    late = counting(log)
    with pytest.warns(ResourceWarning, match="after loop.shutdown_asyncgens"):
        any_tasks.run_until_complete(started(late))
    any_tasks.run_until_complete(late.aclose())


def test_a_generator_that_fails_to_close_is_reported(any_tasks: Loop, reports: list[dict[str, Any]]) -> None:
    async def stubborn() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise LookupError("in its finally")

    generator = stubborn()
    any_tasks.run_until_complete(started(generator))
    any_tasks.run_until_complete(any_tasks.shutdown_asyncgens())
    report = reports.pop()
    assert report["asyncgen"] is generator
    assert isinstance(report["exception"], LookupError)


def test_the_hooks_of_others_are_restored(any_tasks: Loop) -> None:
    before = sys.get_asyncgen_hooks()
    any_tasks.run_until_complete(turns())
    assert sys.get_asyncgen_hooks() == before
