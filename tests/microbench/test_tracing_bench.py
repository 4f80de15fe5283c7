"""What `muxlab trace` costs a loop that is not traced: before any trace, after one; beside it, while traced.

The first two must not differ: the observers are classes of their own, and leave nothing in the loop's.
`make microbench` measures; without ``--benchmark-enable`` each case runs once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

import lab
from lab.tracing.recorder import Recorder
from lab.tracing.traced_loop import TracedLoop

STEPS = 100
MESSAGE = b"m" * 1_024
Benchmark = Callable[..., Any]


def plain() -> asyncio.AbstractEventLoop:
    return lab.new_event_loop()


def plain_after_a_trace() -> asyncio.AbstractEventLoop:
    with contextlib.closing(traced()) as loop:
        assert loop.run_until_complete(echoes(1)) == len(MESSAGE)
    return lab.new_event_loop()


def traced() -> asyncio.AbstractEventLoop:
    return TracedLoop(Recorder())


MAKING = {"plain": plain, "plain after a trace": plain_after_a_trace, "traced": traced}
"""Loops by what a report calls them: parameters are told in its table, and a function has no words there."""


async def echoes(count: int) -> int:
    """Send ``count`` messages to a task that waits for each; how many bytes came back."""
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)

        async def echo() -> None:
            for _ in range(count):
                await loop.sock_sendall(right, await loop.sock_recv(right, len(MESSAGE)))

        echoing = loop.create_task(echo())
        received = 0
        for _ in range(count):
            await loop.sock_sendall(left, MESSAGE)
            received += len(await loop.sock_recv(left, len(MESSAGE)))
        await echoing
    return received


@pytest.mark.benchmark(group="100 echoes, with and without observers")
@pytest.mark.parametrize("loop", MAKING)
def test_echoes_with_and_without_observers(benchmark: Benchmark, loop: str) -> None:
    with contextlib.closing(MAKING[loop]()) as made:
        received = benchmark(lambda: made.run_until_complete(echoes(STEPS)))
    assert received == STEPS * len(MESSAGE)
