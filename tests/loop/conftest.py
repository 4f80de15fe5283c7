"""Loops on every backend that works here, which end clean: no pending task, no unexpected report.

What cannot be opened here is named once, by tests/backends/test_contract.py. A test that waits for something
that never comes fails after `PATIENCE` instead of hanging.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

import backends
from backends.scripted_backend import FakeClock, ScriptedBackend
from lab.loop.loop import Loop
from tests.backends.conftest import KERNEL_BACKENDS, open_by_name

PATIENCE = 20.0
"""Seconds after which a test is hung; no test that passes comes near it."""

Pair = tuple[socket.socket, socket.socket]
Run = Callable[[Awaitable[Any]], Any]

WITH_PYTHON_TASKS = [
    f"{name}, Python tasks" for name in ("epoll", "kqueue") if backends.unavailable(name) is None
]
"""One is enough: neither knows of the other, and ``make conformance`` takes every pair."""


def new_loop(name: str) -> Loop:
    """A loop for the name of a backend, or that and ``, Python tasks``."""
    backend, _, tasks = name.partition(", ")
    return Loop(open_by_name(backend), tasks="python" if tasks else "c")


@pytest.fixture
def reports() -> list[dict[str, Any]]:
    """What the loop under test told its exception handler; the test takes out what it expects."""
    return []


@contextlib.contextmanager
def ending_clean(loop: Loop, reports: list[dict[str, Any]]) -> Iterator[Loop]:
    loop.set_exception_handler(lambda _, report: reports.append(report))
    with contextlib.closing(loop):
        yield loop
        pending = asyncio.all_tasks(loop)
        assert not pending, "tasks left behind"
    assert reports == [], "unexpected reports"


@pytest.fixture(params=(*KERNEL_BACKENDS, *WITH_PYTHON_TASKS))
def loop(request: pytest.FixtureRequest, reports: list[dict[str, Any]]) -> Iterator[Loop]:
    """A loop on each backend, and on the best one with Python tasks too."""
    with ending_clean(new_loop(request.param), reports) as made:
        yield made


@pytest.fixture(params=("c", "python"))
def any_tasks(request: pytest.FixtureRequest, reports: list[dict[str, Any]]) -> Iterator[Loop]:
    """A loop on the best backend, with asyncio's tasks and with ours: for what no backend can change."""
    with ending_clean(Loop(tasks=request.param), reports) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=("level", "edge"))
def scripted(request: pytest.FixtureRequest, clock: FakeClock) -> ScriptedBackend:
    """A backend to tell what is ready; `fake_loop` runs on it."""
    return ScriptedBackend(clock, trigger=request.param)


@pytest.fixture
def fake_loop(clock: FakeClock, scripted: ScriptedBackend, reports: list[dict[str, Any]]) -> Iterator[Loop]:
    """A loop in which no time passes but what its timers wait for."""
    with ending_clean(Loop(scripted, clock=clock), reports) as made:
        yield made


@pytest.fixture
def run(loop: Loop) -> Run:
    """Run something awaitable on `loop` and return its result; hanging is a failure."""
    return lambda awaitable: loop.run_until_complete(in_time(awaitable))


async def in_time(awaitable: Awaitable[Any]) -> Any:
    """What it returns, or TimeoutError after `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        return await awaitable


def run_forever_in_time(loop: asyncio.AbstractEventLoop) -> None:
    """``run_forever``, which the test's callbacks are to stop."""
    hung = loop.call_later(PATIENCE, pytest.fail, "nobody stopped the loop")
    try:
        loop.run_forever()
    finally:
        hung.cancel()


def run_turns(loop: asyncio.AbstractEventLoop, turns: int = 1) -> None:
    """Take a few turns, none of which sleeps."""
    for _ in range(turns):
        stopping = loop.call_soon(loop.stop)
        try:
            loop.run_forever()
        finally:
            stopping.cancel()


async def turns(count: int = 1) -> None:
    """Let the loop take turns."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def new_pair() -> Iterator[Callable[..., Pair]]:
    """Make connected sockets that do not block; the test may close them."""
    with contextlib.ExitStack() as closing:

        def make(family: int = socket.AF_UNIX, kind: int = socket.SOCK_STREAM, buffer: int = 0) -> Pair:
            left, right = socket.socketpair(family, kind) if family == socket.AF_UNIX else tcp_pair(family)
            for sock in (left, right):
                closing.enter_context(sock)
                sock.setblocking(False)
                if buffer:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
            return left, right

        yield make


@pytest.fixture
def pair(new_pair: Callable[..., Pair]) -> Pair:
    return new_pair()


def tcp_pair(family: int) -> Pair:
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        listener.listen()
        client = socket.socket(family)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    return client, server


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        listening.setblocking(False)
        yield listening


def beside_asyncio(program: Callable[[Any, list[Any]], Coroutine[Any, Any, Any] | None]) -> list[Any]:
    """Run ``program(loop, log)`` on asyncio's selector loop, and return what it logged."""
    log: list[Any] = []
    loop = asyncio.SelectorEventLoop()
    with contextlib.closing(loop):
        loop.set_exception_handler(lambda _, report: log.append(("reported", repr(report.get("exception")))))
        main = program(loop, log)
        if main is not None:
            loop.run_until_complete(in_time(main))
    return log
