"""What people write: ``lab.run`` and asyncio's own tools on the mini-loop."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import threading
from typing import Any

import pytest

import backends
import lab
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, in_time, turns


async def loop_in_use() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


# -- the front door ------------------------------------------------------------------------------------


def test_an_unknown_backend_closes_the_coroutine_that_nobody_will_await() -> None:
    main = loop_in_use()
    with pytest.raises(backends.UnknownBackendError, match="nosuch"):
        lab.run(main, backend="nosuch")
    assert inspect.getcoroutinestate(main) == inspect.CORO_CLOSED


def test_run_returns_what_main_returns_and_closes_its_loop() -> None:
    loop = lab.run(loop_in_use())
    assert isinstance(loop, lab.Loop)
    assert loop.is_closed()


@pytest.mark.parametrize("name", [name for name in backends.names() if not backends.unavailable(name)])
def test_run_takes_a_backend_by_name(name: str) -> None:
    loop: Any = lab.run(loop_in_use(), backend=name)
    assert loop.backend.name == name


@pytest.mark.parametrize(("tasks", "module"), [("c", "_asyncio"), ("python", "lab.loop.task")])
def test_run_takes_the_kind_of_tasks(tasks: Any, module: str) -> None:
    async def main() -> str:
        return type(asyncio.current_task()).__module__

    assert lab.run(main(), tasks=tasks) == module


@pytest.mark.parametrize("debug", [False, True])
def test_run_takes_debug(debug: bool) -> None:
    assert lab.run(loop_in_use(), debug=debug).get_debug() is debug  # type: ignore[attr-defined]


def test_run_raises_what_main_raises_and_cancels_what_it_left() -> None:
    left: list[str] = []

    async def straggler() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("cancelled")

    async def main() -> None:
        task = asyncio.create_task(straggler())
        await turns(2)
        raise LookupError(task.get_name())

    with pytest.raises(LookupError):
        lab.run(main())
    assert left == ["cancelled"]


def test_an_unknown_backend_is_named_with_the_nearest() -> None:
    with pytest.raises(LookupError, match="Did you mean 'epoll'"):
        lab.new_event_loop("epol")


def test_the_default_is_the_best_backend_here() -> None:
    with contextlib.closing(lab.new_event_loop()) as loop:
        assert loop.backend.name == next(name for name in backends.names() if not backends.unavailable(name))


def test_the_loop_tells_its_backend_and_its_state() -> None:
    loop = lab.new_event_loop("poll")
    assert repr(loop) == "<Loop backend=poll running=False closed=False debug=False>"
    loop.close()
    assert "closed=True" in repr(loop)


def test_the_package_knows_no_other_names() -> None:
    assert lab.Loop is Loop
    with pytest.raises(AttributeError, match="no attribute 'Lopo'"):
        lab.Lopo  # noqa: B018


METHODS = [name for name in vars(asyncio.AbstractEventLoop) if not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
def test_asyncios_interface_is_there_with_all_of_its_parameters(name: str) -> None:
    ours, theirs = getattr(Loop, name), getattr(asyncio.SelectorEventLoop, name)
    assert ours is not getattr(asyncio.AbstractEventLoop, name)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)
    taken = inspect.signature(ours).parameters
    if inspect.Parameter.VAR_KEYWORD not in {each.kind for each in taken.values()}:
        assert not inspect.signature(theirs).parameters.keys() - taken.keys()


def test_a_runner_takes_the_loop_as_a_factory() -> None:
    with asyncio.Runner(loop_factory=lab.new_event_loop, debug=True) as runner:
        first, second = runner.run(loop_in_use()), runner.run(loop_in_use())
    assert first is second
    assert isinstance(first, lab.Loop)


def test_a_policy_may_make_it_the_loop_of_asyncio_run() -> None:
    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return lab.new_event_loop()

    asyncio.set_event_loop_policy(Policy())
    try:
        assert isinstance(asyncio.run(loop_in_use()), lab.Loop)
    finally:
        asyncio.set_event_loop_policy(None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_wait_for_sockets(loop: Loop, run: Run, pair: Pair) -> None:
    log: list[str] = []

    async def receive() -> bytes:
        log.append("started")
        return await loop.sock_recv(pair[0], 100)

    async def main() -> bytes:
        loop.set_task_factory(asyncio.eager_task_factory)
        task = loop.create_task(receive())
        log.append("created")
        pair[1].send(b"data")
        return await task

    assert run(main()) == b"data"
    assert log == ["started", "created"]


def test_two_loops_run_in_two_threads() -> None:
    results: list[str] = []

    async def main() -> None:
        await asyncio.sleep(0.001)
        results.append(threading.current_thread().name)

    threads = [threading.Thread(target=lambda: lab.run(in_time(main())), name=name) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["a", "b"]


def test_a_coroutine_is_run_from_another_thread(loop: Loop, run: Run) -> None:
    async def main() -> str:
        def from_a_thread() -> str:
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "done"), loop).result()

        return await asyncio.to_thread(from_a_thread)

    assert run(main()) == "done"
    run(loop.shutdown_default_executor())
