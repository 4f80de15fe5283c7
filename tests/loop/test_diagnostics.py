"""What the loop says when something goes wrong."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from backends.contract import READ
from backends.scripted_backend import FakeClock, ScriptedBackend
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, beside_asyncio, run_turns, turns

Reports = list[dict[str, Any]]


def fail(error: BaseException | None = None) -> None:
    raise error or ZeroDivisionError("on purpose")


def shape(report: dict[str, Any]) -> dict[str, str]:
    return {key: type(value).__name__ for key, value in report.items()}


def a_failing_call(loop: Any, log: list[Any]) -> None:
    loop.set_exception_handler(lambda _, report: log.append(sorted(report)))
    loop.call_soon(fail)
    loop.call_later(0, fail)
    loop.call_soon_threadsafe(fail)
    run_turns(loop, 2)


def a_lost_exception(loop: Any, log: list[Any]) -> None:
    loop.set_exception_handler(lambda _, report: log.append((sorted(report), report["message"])))
    future = loop.create_future()
    future.set_exception(ZeroDivisionError())
    del future


def a_handler_that_fails(loop: Any, log: list[Any]) -> None:
    loop.default_exception_handler = lambda report: log.append((sorted(report), report["message"]))
    loop.set_exception_handler(lambda *_: fail(TypeError("in the handler")))
    loop.call_soon(fail)
    run_turns(loop)


@pytest.mark.parametrize("program", [a_failing_call, a_lost_exception, a_handler_that_fails])
def test_reports_have_asyncios_keys(loop: Loop, program: Callable[..., None]) -> None:
    log: list[Any] = []
    program(loop, log)
    assert log == beside_asyncio(program)
    assert log


def test_a_report_holds_the_message_the_exception_and_the_handle(fake_loop: Loop, reports: Reports) -> None:
    handle = fake_loop.call_soon(fail)
    run_turns(fake_loop)
    report = reports.pop()
    assert report["message"] == "Exception in callback fail()"
    assert isinstance(report["exception"], ZeroDivisionError)
    assert report["handle"] is handle


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("debug", [False, True])
def test_the_end_of_the_program_is_raised_not_reported(
    fake_loop: Loop, error: BaseException, debug: bool
) -> None:
    fake_loop.set_debug(debug)
    fake_loop.call_soon(fail, error)
    with pytest.raises(type(error)):
        fake_loop.run_forever()
    fake_loop.set_exception_handler(lambda *_: fail(error))
    fake_loop.call_soon(fail)
    with pytest.raises(type(error)):
        fake_loop.run_forever()
    assert not fake_loop.is_running()


def test_without_a_handler_the_report_is_logged(fake_loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    fake_loop.set_exception_handler(None)
    assert fake_loop.get_exception_handler() is None
    fake_loop.set_debug(True)
    fake_loop.call_soon(fail)
    run_turns(fake_loop)
    (record,) = caplog.records
    assert record.name == "asyncio"
    assert record.message.startswith("Exception in callback fail()\nhandle: <Handle")
    assert "Object created at (most recent call last):" in record.message
    assert record.exc_info is not None and record.exc_info[0] is ZeroDivisionError


def test_a_default_handler_that_fails_is_logged_too(
    fake_loop: Loop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_loop.set_exception_handler(None)
    monkeypatch.setattr(fake_loop, "default_exception_handler", lambda _: fail())
    fake_loop.call_exception_handler({"message": "whatever"})
    assert "Exception in default exception handler" in caplog.text


def test_a_handler_must_be_callable(fake_loop: Loop) -> None:
    with pytest.raises(TypeError, match="callable"):
        fake_loop.set_exception_handler("no handler")  # type: ignore[arg-type]


def test_the_handler_runs_in_the_context_of_what_failed(fake_loop: Loop) -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request")
    seen: list[str] = []
    fake_loop.set_exception_handler(lambda *_: seen.append(request.get("none")))
    context = contextvars.copy_context()
    context.run(request.set, "number 7")
    fake_loop.call_soon(fail, context=context)
    run_turns(fake_loop)
    assert seen == ["number 7"]


# -- debug mode ----------------------------------------------------------------------------------------


def test_debug_mode_can_be_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (("", sys.flags.dev_mode), ("1", True)):
        monkeypatch.setenv("PYTHONASYNCIODEBUG", value)
        loop = Loop()
        assert loop.get_debug() == expected
        loop.close()


def test_a_slow_callback_is_named(
    fake_loop: Loop, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake_loop.set_debug(True)
    fake_loop.call_soon(clock.advance, 0.05)
    fake_loop.call_soon(clock.advance, 0.5)
    run_turns(fake_loop)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "FakeClock.advance" in record.message
    assert record.message.endswith("took 0.500 seconds")


def test_a_slow_task_is_named_whatever_woke_it(
    any_tasks: Loop, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        await any_tasks.sock_recv(pair[0], 100)

    any_tasks.set_debug(True)
    task = any_tasks.create_task(main(), name="the slow one")
    run_turns(any_tasks, 2)
    any_tasks.slow_callback_duration = 0
    pair[1].send(b"!")
    any_tasks.run_until_complete(task)
    assert any("name='the slow one'" in record.message for record in caplog.records)


def test_a_slow_reader_is_named(
    fake_loop: Loop, clock: FakeClock, scripted: ScriptedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    fake_loop.set_debug(True)
    fake_loop.add_reader(41, clock.advance, 0.25)
    scripted.tell(41, READ)
    run_turns(fake_loop)
    assert caplog.records[0].message.endswith("took 0.250 seconds")
    assert "FakeClock.advance" in caplog.text


def test_without_debug_mode_nothing_is_timed(
    fake_loop: Loop, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake_loop.call_soon(clock.advance, 5)
    run_turns(fake_loop)
    assert caplog.records == []


async def a_coroutine_function() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_at", "call_later"])
def test_debug_mode_refuses_what_cannot_be_called(fake_loop: Loop, method: str) -> None:
    fake_loop.set_debug(True)
    arguments = (1,) if method in ("call_at", "call_later") else ()
    coroutine = a_coroutine_function()
    for wrong in (coroutine, a_coroutine_function):
        with pytest.raises(TypeError, match="coroutines cannot be used with call_"):
            getattr(fake_loop, method)(*arguments, wrong)
    coroutine.close()
    with pytest.raises(TypeError, match="callable"):
        getattr(fake_loop, method)(*arguments, 42)
    with pytest.raises(TypeError, match="run_in_executor"):
        fake_loop.run_in_executor(None, a_coroutine_function)


@pytest.mark.parametrize("method", ["call_soon", "call_later"])
def test_debug_mode_refuses_calls_from_other_threads(fake_loop: Loop, method: str) -> None:
    fake_loop.set_debug(True)
    caught: list[BaseException] = []

    def from_a_thread() -> None:
        try:
            getattr(fake_loop, method)(*((0,) if method == "call_later" else ()), print)
        except RuntimeError as error:
            caught.append(error)

    async def main() -> None:
        thread = threading.Thread(target=from_a_thread)
        thread.start()
        thread.join()

    fake_loop.run_until_complete(main())
    assert "Non-thread-safe" in str(caught)


def test_debug_mode_tracks_where_coroutines_were_made(any_tasks: Loop) -> None:
    async def main() -> tuple[int, int]:
        before = sys.get_coroutine_origin_tracking_depth()
        any_tasks.set_debug(False)
        await turns()
        return before, sys.get_coroutine_origin_tracking_depth()

    any_tasks.set_debug(True)
    assert any_tasks.run_until_complete(main()) == (10, 0)
    assert sys.get_coroutine_origin_tracking_depth() == 0


def test_debug_mode_can_be_switched_from_another_thread(any_tasks: Loop) -> None:
    async def main() -> int:
        for enabled in (True, False, True):
            await asyncio.to_thread(any_tasks.set_debug, enabled)
        await turns()
        return sys.get_coroutine_origin_tracking_depth()

    assert any_tasks.run_until_complete(main()) == 10
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())


def test_debug_mode_changes_nothing_about_data(loop: Loop, pair: Pair) -> None:
    async def main() -> bytes:
        receiving = loop.create_task(loop.sock_recv(pair[0], 100))
        await turns(2)
        await loop.sock_sendall(pair[1], b"data")
        return await receiving

    loop.set_debug(True)
    assert loop.run_until_complete(main()) == b"data"
