"""What the loop's own steps cost, on each backend and with each kind of tasks, asyncio and uvloop beside it.

Every case is a round of 1,000 steps and checks its result. `make microbench` measures; without
``--benchmark-enable`` each case runs once. The names group by step: compare within a group.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import backends
import lab

STEPS = 1_000
PAIRS, ACTIVE = 100, 10
MESSAGE = b"m" * 1_024

SUBJECTS: tuple[str, ...] = (*backends.names(), "Python tasks", "asyncio", "uvloop")
Benchmark = Callable[..., Any]


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """A loop of the subject called ``name``; skips what is not here, with its name."""
    if name == "asyncio":
        return asyncio.SelectorEventLoop()
    if name == "uvloop":
        if importlib.util.find_spec("uvloop") is None:
            pytest.skip("uvloop is not installed")
        import uvloop

        return uvloop.new_event_loop()
    if name == "Python tasks":
        return lab.new_event_loop(tasks="python")
    if reason := backends.unavailable(name):
        pytest.skip(f"{name}: {reason}")
    return lab.new_event_loop(name)


@pytest.fixture(autouse=True, scope="module")
def libuv_has_its_signal_pipe() -> None:
    """libuv keeps a pipe for signals from the first loop to the end of the process; it is no test's leak."""
    if importlib.util.find_spec("uvloop") is not None:
        new_loop("uvloop").close()


@pytest.fixture(params=SUBJECTS)
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    with contextlib.closing(new_loop(request.param)) as opened:
        yield opened


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        for sock in (left, right):
            sock.setblocking(False)
        yield left, right


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Forty."""
    with contextlib.ExitStack() as opened:
        made = [socket.socketpair() for _ in range(40)]
        for sock in (each for ends in made for each in ends):
            opened.enter_context(sock).setblocking(False)
        yield made


def count_calls(loop: asyncio.AbstractEventLoop, ask: Callable[[Callable[[], None]], object]) -> int:
    """Ask for `STEPS` calls, run them, and return how many there were."""
    calls = 0

    def step() -> None:
        nonlocal calls
        calls += 1
        if calls == STEPS:
            loop.stop()

    for _ in range(STEPS):
        ask(step)
    loop.run_forever()
    return calls


@pytest.mark.benchmark(group="call_soon")
def test_call_soon(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    assert benchmark(count_calls, loop, loop.call_soon) == STEPS


@pytest.mark.benchmark(group="call_soon_threadsafe")
def test_call_soon_threadsafe(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    assert benchmark(count_calls, loop, loop.call_soon_threadsafe) == STEPS


@pytest.mark.benchmark(group="timers that run")
def test_timers_that_run(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    assert benchmark(count_calls, loop, lambda step: loop.call_later(0, step)) == STEPS


@pytest.mark.benchmark(group="timers that are cancelled")
def test_timers_that_are_cancelled(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    """Most timers are timeouts, and most timeouts are cancelled."""

    def round_of_timeouts() -> int:
        timers = [loop.call_later(60, pytest.fail) for _ in range(STEPS)]
        for timer in timers:
            timer.cancel()
        loop.call_soon(loop.stop)
        loop.run_forever()
        return sum(timer.cancelled() for timer in timers)

    assert benchmark(round_of_timeouts) == STEPS


@pytest.mark.benchmark(group="future")
def test_create_future(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    def make() -> int:
        return sum(not loop.create_future().done() for _ in range(STEPS))

    assert benchmark(make) == STEPS


@pytest.mark.benchmark(group="task switch")
def test_task_switch(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    async def switch() -> int:
        steps = 0
        while steps < STEPS:
            await asyncio.sleep(0)
            steps += 1
        return steps

    assert benchmark(lambda: loop.run_until_complete(switch())) == STEPS


@pytest.mark.benchmark(group="task from a future")
def test_task_woken_by_a_future(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    async def wait() -> int:
        for step in range(STEPS):
            future = loop.create_future()
            loop.call_soon(future.set_result, step)
            last = await future
        return last + 1

    assert benchmark(lambda: loop.run_until_complete(wait())) == STEPS


@pytest.mark.benchmark(group="sock_recv that waits")
def test_sock_recv(
    benchmark: Benchmark, loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """The reader always waits; its peer sends by hand from the ready queue."""
    ours, theirs = pair

    async def receive() -> int:
        got = 0
        for _ in range(STEPS):
            loop.call_soon(theirs.send, MESSAGE)
            got += len(await loop.sock_recv(ours, 65_536))
        return got

    assert benchmark(lambda: loop.run_until_complete(receive())) == STEPS * len(MESSAGE)


@pytest.mark.benchmark(group="sock_sendall")
def test_sock_sendall(
    benchmark: Benchmark, loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """It never waits: its peer takes the message by hand."""
    ours, theirs = pair

    async def send() -> int:
        got = 0
        for _ in range(STEPS):
            await loop.sock_sendall(ours, MESSAGE)
            got += len(theirs.recv(65_536))
        return got

    assert benchmark(lambda: loop.run_until_complete(send())) == STEPS * len(MESSAGE)


@pytest.mark.benchmark(group="echo by tasks")
def test_echo(
    benchmark: Benchmark, loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """Both ends are tasks of one loop: two waits, two sends and two task switches an echo."""
    ours, theirs = pair

    async def echo(sock: socket.socket) -> None:
        while True:
            await loop.sock_sendall(sock, await loop.sock_recv(sock, 65_536))

    async def ask() -> int:
        got = 0
        task = loop.create_task(echo(theirs))
        for _ in range(STEPS):
            await loop.sock_sendall(ours, MESSAGE)
            got += len(await loop.sock_recv(ours, 65_536))
        task.cancel()
        await asyncio.wait([task])
        return got

    assert benchmark(lambda: loop.run_until_complete(ask())) == STEPS * len(MESSAGE)


@pytest.mark.benchmark(group="echo by many tasks")
def test_echoes(
    benchmark: Benchmark,
    loop: asyncio.AbstractEventLoop,
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    """As above, over many sockets at once: most reports are of several."""

    async def echo(sock: socket.socket) -> None:
        while True:
            await loop.sock_sendall(sock, await loop.sock_recv(sock, 65_536))

    async def ask(sock: socket.socket) -> int:
        got = 0
        for _ in range(STEPS // len(pairs)):
            await loop.sock_sendall(sock, MESSAGE)
            got += len(await loop.sock_recv(sock, 65_536))
        return got

    async def all_ask() -> int:
        echoes = [loop.create_task(echo(theirs)) for _, theirs in pairs]
        got = sum(await asyncio.gather(*(ask(ours) for ours, _ in pairs)))
        for task in echoes:
            task.cancel()
        await asyncio.wait(echoes)
        return got

    expected = STEPS // len(pairs) * len(pairs) * len(MESSAGE)
    assert benchmark(lambda: loop.run_until_complete(all_ask())) == expected


@pytest.mark.benchmark(group="ring of add_reader")
def test_ring(benchmark: Benchmark, loop: asyncio.AbstractEventLoop) -> None:
    """libevent's idea: `PAIRS` pairs in a ring, `ACTIVE` bytes that go round, one event a step."""
    with contextlib.ExitStack() as closing:
        pairs = [tuple(map(closing.enter_context, socket.socketpair())) for _ in range(PAIRS)]
        steps = 0

        def pass_on(reader: socket.socket, writer: socket.socket) -> None:
            nonlocal steps
            reader.recv(1)
            steps += 1
            if steps < STEPS:
                writer.send(b"e")
            elif steps == STEPS + ACTIVE - 1:
                loop.stop()

        def go_round() -> int:
            nonlocal steps
            steps = 0
            for _, writer in pairs[:: PAIRS // ACTIVE]:
                writer.send(b"e")
            loop.run_forever()
            return steps

        for number, (reader, _) in enumerate(pairs):
            loop.add_reader(reader, pass_on, reader, pairs[(number + 1) % PAIRS][1])
        assert benchmark(go_round) == STEPS + ACTIVE - 1
        for reader, _ in pairs:
            loop.remove_reader(reader)
