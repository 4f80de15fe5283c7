"""Ctrl-C in the middle of a report: it is raised, and nobody else loses an event."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, run_turns, turns

MANY = 10
NewPair = Callable[..., Pair]


@pytest.fixture(params=[KeyboardInterrupt, SystemExit])
def interrupt(request: pytest.FixtureRequest) -> BaseException:
    return request.param("by the test")


@pytest.fixture
def ctrl_c_raises() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def send_to_all(pairs: list[Pair]) -> None:
    for number, (_, sender) in enumerate(pairs):
        sender.send(b"%d" % number)


@pytest.mark.parametrize("victim", range(0, MANY, 3))
def test_callbacks_of_the_same_report_are_still_called(
    loop: Loop, new_pair: NewPair, interrupt: BaseException, victim: int
) -> None:
    pairs = [new_pair() for _ in range(MANY)]
    got: list[bytes] = []

    def heed(number: int, sock: socket.socket) -> None:
        got.append(sock.recv(100))
        if number == victim:
            raise interrupt

    for number, (sock, _) in enumerate(pairs):
        loop.add_reader(sock, heed, number, sock)
    send_to_all(pairs)
    with pytest.raises(type(interrupt)):
        run_turns(loop, 3)
    run_turns(loop, 3)
    for sock, _ in pairs:
        loop.remove_reader(sock)
    assert sorted(got) == [b"%d" % number for number in range(MANY)]


@pytest.mark.parametrize("victim", range(0, MANY, 3))
def test_tasks_that_wait_in_the_same_report_still_get_their_data(
    loop: Loop, run: Run, new_pair: NewPair, interrupt: BaseException, victim: int
) -> None:
    pairs = [new_pair() for _ in range(MANY)]

    async def receive(number: int) -> bytes:
        data = await loop.sock_recv(pairs[number][0], 100)
        if number == victim:
            raise interrupt
        return data

    tasks = [loop.create_task(receive(number)) for number in range(MANY)]
    run(turns(2))
    send_to_all(pairs)
    with pytest.raises(type(interrupt)):
        run_turns(loop, 4)
    results = run(asyncio.gather(*tasks, return_exceptions=True))
    assert results[victim] is interrupt
    assert results[:victim] + results[victim + 1 :] == [
        b"%d" % each for each in range(MANY) if each != victim
    ]


def test_a_ready_handle_that_raises_leaves_the_report_to_the_next_turn(
    loop: Loop, run: Run, new_pair: NewPair, interrupt: BaseException
) -> None:
    """The kernel was asked before the handle ran: an edge-triggered report must not go with it."""
    pairs = [new_pair() for _ in range(MANY)]
    tasks = [loop.create_task(loop.sock_recv(ours, 100)) for ours, _ in pairs]
    run(turns(2))
    send_to_all(pairs)

    def fail() -> None:
        raise interrupt

    loop.call_soon(fail)
    with pytest.raises(type(interrupt)):
        run_turns(loop)
    assert run(asyncio.gather(*tasks)) == [b"%d" % each for each in range(MANY)]


def test_timers_that_are_due_survive(loop: Loop, interrupt: BaseException) -> None:
    log: list[str] = []

    def fail() -> None:
        raise interrupt

    for callback in (lambda: log.append("before"), fail, lambda: log.append("after")):
        loop.call_later(0, callback)
    with pytest.raises(type(interrupt)):
        run_turns(loop, 2)
    run_turns(loop, 2)
    assert log == ["before", "after"]


def test_what_the_operation_itself_raises_keeps_the_wait(
    loop: Loop, run: Run, pair: Pair, interrupt: BaseException
) -> None:
    """Ctrl-C between the kernel's report and the recv: the data is still in the kernel."""
    failing = [interrupt]

    class Interrupted(socket.socket):
        def recv(self, size: int, flags: int = 0) -> bytes:
            if failing and getattr(self, "armed", False):
                raise failing.pop()
            return super().recv(size, flags)

    with Interrupted(fileno=pair[0].detach()) as ours:
        ours.setblocking(False)
        task = loop.create_task(loop.sock_recv(ours, 100))
        run(turns(2))
        ours.armed = True  # type: ignore[attr-defined]
        pair[1].send(b"data")
        with pytest.raises(type(interrupt)):
            run_turns(loop, 3)
        assert run(task) == b"data"


@pytest.mark.usefixtures("ctrl_c_raises")
def test_a_real_ctrl_c_in_a_sleeping_loop_loses_nothing(loop: Loop, run: Run, new_pair: NewPair) -> None:
    pairs = [new_pair() for _ in range(MANY)]
    tasks = [loop.create_task(loop.sock_recv(ours, 100)) for ours, _ in pairs]
    run(turns(2))

    def heed() -> None:
        send_to_all(pairs)
        os.kill(os.getpid(), signal.SIGINT)

    loop.call_soon(heed)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(loop.create_future())
    assert run(asyncio.gather(*tasks)) == [b"%d" % each for each in range(MANY)]


def test_an_error_in_a_callback_stops_nobody(
    loop: Loop, run: Run, new_pair: NewPair, reports: list[dict[str, Any]]
) -> None:
    pairs = [new_pair() for _ in range(3)]
    failing, _ = pairs[0]

    def fail() -> None:
        failing.recv(100)
        raise LookupError

    tasks = [loop.create_task(loop.sock_recv(ours, 100)) for ours, _ in pairs[1:]]
    loop.add_reader(failing, fail)
    run(turns(2))
    send_to_all(pairs)
    assert run(asyncio.gather(*tasks)) == [b"1", b"2"]
    run(turns(2))
    loop.remove_reader(failing)
    report = reports.pop()
    assert isinstance(report["exception"], LookupError)
    assert sorted(report) == ["exception", "handle", "message"]
