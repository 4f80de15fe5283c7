"""Observers change nothing: not the loop that nobody watches, and not the program that is watched."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import socket
import subprocess
import sys
import weakref
from typing import Any

import pytest

import backends
import lab
from lab.loop.loop import Loop
from lab.loop.readiness import Readiness
from lab.loop.transports import EdgeStreamTransport, StreamTransport
from lab.tracing import example, recorder
from lab.tracing.recorder import LOOP, Recorder
from lab.tracing.traced_loop import TracedLoop
from tests.tracing.conftest import recorded


def parts_of_the_loop() -> dict[tuple[str, str], Any]:
    """Everything that the loop's classes and their backends are made of."""
    opened = tuple(backends.backend_class(name) for name in backends.names())
    classes = (*Loop.__mro__, Readiness, StreamTransport, EdgeStreamTransport, *opened)
    return {
        (each.__qualname__, name): part
        for each in classes
        if each.__module__.startswith(("lab.", "backends."))
        for name, part in vars(each).items()
        if not name.startswith("_abc")
    }


def test_tracing_patches_nothing() -> None:
    before = parts_of_the_loop()
    recorded(example.exchange)
    after = parts_of_the_loop()
    assert before.keys() == after.keys()
    assert [name for name, part in before.items() if after[name] is not part] == []


def test_an_untraced_loop_is_made_of_untraced_parts() -> None:
    async def parts() -> list[type]:
        loop = asyncio.get_running_loop()
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            right.send(b"!")
            await loop.sock_recv(left, 1)
            return [type(loop), type(loop.backend), type(loop._readers[left.fileno()])]

    recorded(example.exchange)
    best = type(backends.open_backend())
    assert lab.run(parts()) == [Loop, best, Readiness]


def test_a_loop_is_made_and_run_without_the_observers_being_imported() -> None:
    program = "import asyncio, sys, lab; lab.run(asyncio.sleep(0)); print('lab.tracing' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_a_traced_task_answers_as_any_other(tasks: str) -> None:
    async def sleeper() -> None:
        await asyncio.sleep(3600)

    async def program() -> None:
        task = asyncio.create_task(sleeper(), name="sleeper")
        await asyncio.sleep(0)
        assert "sleeper" in repr(task)
        assert [frame.f_code.co_name for frame in task.get_stack()] == ["sleeper"]
        assert task.get_coro().cr_code is sleeper.__code__
        assert inspect.isawaitable(task.get_coro())
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task

    spans = [each for each in recorded(program, tasks=tasks).spans if each.details.get("task") == "sleeper"]
    assert [span.details["how"] for span in spans] == ["send()", "throw(CancelledError)"]
    assert [span.details["then"] for span in spans] == ["pauses for Future", "raises"]


def test_what_is_no_coroutine_is_refused_as_ever() -> None:
    with contextlib.closing(TracedLoop(Recorder())) as loop, pytest.raises(TypeError, match="coroutine"):
        loop.create_task(5)


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_in_a_callback_is_reported_once_and_the_span_ends(debug: bool) -> None:
    reports: list[dict[str, Any]] = []

    async def program() -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(debug)
        loop.set_exception_handler(lambda _, report: reports.append(report))
        loop.call_soon(int, "no number")
        loop.call_later(0, int, "no number either")
        while len(reports) < 2:
            await asyncio.sleep(0)

    spans = recorded(program).spans
    assert [type(report["exception"]) for report in reports] == [ValueError, ValueError]
    assert "Handle int(" in repr(reports[0]["handle"])  # newer Pythons show arguments in debug mode only
    assert [span.name for span in spans if span.lane == LOOP].count("callback: int") == 2


def test_a_failed_task_is_freed_as_early_as_without_observers(tasks: str) -> None:
    gone: list[weakref.ref[Any]] = []

    async def fail(future: asyncio.Future[None]) -> None:
        await future

    async def program() -> None:
        future = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(fail(future))
        gone.append(weakref.ref(task))
        await asyncio.sleep(0)
        future.set_exception(LookupError())
        await asyncio.wait([task])
        assert isinstance(task.exception(), LookupError)

    gc.disable()
    try:
        recorded(program, tasks=tasks)
        assert gone[0]() is None, "without the garbage collector's help"
    finally:
        gc.enable()


def test_a_long_program_does_not_eat_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_KEPT", 3)
    seen = recorded(example.exchange)
    assert (len(seen.spans), len(seen.calls)) == (3, 3)
    assert seen.not_kept > 10


def test_nothing_is_open_when_the_program_has_ended(tasks: str) -> None:
    seen = recorded(example.exchange, tasks=tasks)
    assert seen._open == {}
    assert all(call.future is None and call.end_ns is not None for call in seen.calls)
