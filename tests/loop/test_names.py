"""Blocking work and names, in threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import socket
import threading
from typing import Any

import pytest

from lab.loop.loop import Loop
from lab.loop.names import is_numeric
from tests.loop.conftest import Run, run_turns, turns


def test_a_threads_result_comes_back(loop: Loop, run: Run) -> None:
    async def main() -> tuple[int, str]:
        thread = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        return await loop.run_in_executor(None, sum, [1, 2, 3]), thread

    result, thread = run(main())
    assert result == 6
    assert thread.startswith("asyncio")
    run(loop.shutdown_default_executor())


def test_a_threads_exception_comes_back(any_tasks: Loop) -> None:
    with pytest.raises(ZeroDivisionError):
        any_tasks.run_until_complete(any_tasks.run_in_executor(None, lambda: 1 / 0))
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())


def test_many_results_arrive_from_many_threads(loop: Loop, run: Run) -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*(loop.run_in_executor(None, pow, number, 2) for number in range(200)))

    assert run(main()) == [number**2 for number in range(200)]
    run(loop.shutdown_default_executor())


def test_cancelled_work_that_has_not_begun_never_begins(any_tasks: Loop) -> None:
    gate, began = threading.Event(), []

    async def main() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            first = any_tasks.run_in_executor(executor, gate.wait)
            second = any_tasks.run_in_executor(executor, began.append, "second")
            second.cancel()
            await turns(2)
            gate.set()
            await first
            with pytest.raises(asyncio.CancelledError):
                await second

    any_tasks.run_until_complete(main())
    assert began == []


def test_an_executor_can_be_given_or_set(any_tasks: Loop) -> None:
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ours") as executor:
        any_tasks.set_default_executor(executor)
        name = any_tasks.run_until_complete(
            any_tasks.run_in_executor(None, lambda: threading.current_thread().name)
        )
        assert name.startswith("ours")
    with pytest.raises(TypeError, match="ThreadPoolExecutor"):
        any_tasks.set_default_executor("threads")  # type: ignore[arg-type]


def test_after_its_shutdown_the_executor_takes_no_work(any_tasks: Loop) -> None:
    any_tasks.run_until_complete(any_tasks.run_in_executor(None, int))
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())
    with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
        any_tasks.run_in_executor(None, int)


def test_a_shutdown_waits_for_the_threads(any_tasks: Loop) -> None:
    gate, ended = threading.Event(), []

    async def main() -> None:
        working = any_tasks.run_in_executor(None, lambda: (gate.wait(), ended.append("thread")))
        shutdown = any_tasks.create_task(any_tasks.shutdown_default_executor())
        await turns(3)
        assert not shutdown.done()
        gate.set()
        await shutdown
        assert ended == ["thread"]
        await working

    any_tasks.run_until_complete(main())
    assert ended


def test_a_shutdown_gives_up_after_its_timeout(any_tasks: Loop) -> None:
    gate = threading.Event()
    working = any_tasks.run_in_executor(None, gate.wait)
    with pytest.warns(RuntimeWarning, match="did not finish"):
        any_tasks.run_until_complete(any_tasks.shutdown_default_executor(timeout=0.001))
    gate.set()
    assert any_tasks.run_until_complete(working)
    enders = [each for each in threading.enumerate() if "_end_executor" in each.name]
    for thread in enders:
        thread.join()


def test_without_an_executor_there_is_nothing_to_shut_down(any_tasks: Loop) -> None:
    before = threading.active_count()
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())
    assert threading.active_count() == before


def test_close_does_not_wait_for_threads() -> None:
    gate, loop, before = threading.Event(), Loop(), threading.active_count()
    future = loop.run_in_executor(None, gate.wait)
    executor: Any = loop._default_executor
    loop.close()
    assert not future.done()
    gate.set()
    executor.shutdown(wait=True)
    assert threading.active_count() == before


def test_a_name_is_looked_up_off_the_loops_thread(
    loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, threads = socket.getaddrinfo, []

    def spy(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return real(*arguments)

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    found = run(loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM, family=socket.AF_INET))
    assert found[0][4] == ("127.0.0.1", 80)
    assert threads != [threading.main_thread()]
    run(loop.shutdown_default_executor())


def test_a_name_that_does_not_exist_raises(any_tasks: Loop) -> None:
    with pytest.raises(socket.gaierror):
        any_tasks.run_until_complete(any_tasks.getaddrinfo("no.such.name", 80, flags=socket.AI_NUMERICHOST))
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())


def test_an_address_gets_its_names(any_tasks: Loop) -> None:
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    found = any_tasks.run_until_complete(any_tasks.getnameinfo(("127.0.0.1", 80), numeric))
    assert found == ("127.0.0.1", "80")
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())


def test_debug_mode_logs_slow_look_ups(any_tasks: Loop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "asyncio")
    any_tasks.set_debug(True)
    any_tasks.run_until_complete(any_tasks.getaddrinfo("127.0.0.1", 80))
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())
    assert "Getting address info of 127.0.0.1:80 took" in caplog.text


@pytest.mark.parametrize(
    ("family", "host", "port", "numeric"),
    [
        (socket.AF_INET, "127.0.0.1", 80, True),
        (socket.AF_INET, "localhost", 80, False),
        (socket.AF_INET, "127.0.0.1", "http", False),
        (socket.AF_INET, "::1", 80, False),
        (socket.AF_INET, None, 80, False),
        (socket.AF_INET6, "::1", 80, True),
        (socket.AF_INET6, "fe80::1%lo", 80, False),
        (socket.AF_INET6, b"::1", 80, False),
    ],
)
def test_only_numbers_need_no_look_up(family: int, host: Any, port: Any, numeric: bool) -> None:
    assert is_numeric(family, host, port) is numeric


def test_a_turn_runs_while_a_thread_works(any_tasks: Loop) -> None:
    gate = threading.Event()
    working = any_tasks.run_in_executor(None, gate.wait)
    calls: list[str] = []
    any_tasks.call_soon(calls.append, "meanwhile")
    run_turns(any_tasks)
    assert calls == ["meanwhile"]
    gate.set()
    assert any_tasks.run_until_complete(working)
    any_tasks.run_until_complete(any_tasks.shutdown_default_executor())
