"""CPython's own tests for futures and tasks, run against `lab.loop`'s pair.

The classes come from the standard library's ``test`` package: each mix-in there is written for any pair, and
asyncio's C and Python versions are two of them. Here are ours, and ours mixed with the C versions. Below
that, the tests of what is built on tasks (task groups, timeouts, locks, queues) run on a stock loop that
makes ours.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import selectors
import sys
import unittest
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from lab.loop.future import Future
from lab.loop.task import Task

pytest.importorskip("test.test_asyncio.test_tasks", reason="this Python comes without CPython's test package")

# What CPython's tests leave behind (coroutines never awaited, loops collected open) is theirs.
pytestmark = pytest.mark.filterwarnings("default")

EXCLUDED: dict[str, str] = {}
"""Test name -> why it does not apply."""

if sys.version_info < (3, 11, 8) or (3, 12) <= sys.version_info < (3, 12, 2):
    EXCLUDED["test_exception"] = (
        "expects set_exception(StopIteration) to raise TypeError, as CPython did before 3.11.8 and 3.12.2"
        " (gh-112182)"
    )


@pytest.fixture(autouse=True, scope="module")
def small_garbage_collections() -> None:
    """Some of these tests collect a hundred times: spare them the objects that are here already.

    They stay out of sight: to thaw them would thaw what collecting the tests has made, for all tests to come.
    """
    gc.collect()
    gc.freeze()


def cpython(module: str) -> ModuleType:
    return importlib.import_module(f"test.test_asyncio.{module}")


futures, tasks, utils = cpython("test_futures"), cpython("test_tasks"), cpython("utils")


def exclude(cls: type) -> type:
    """Mark the tests of ``cls`` that `EXCLUDED` names as skipped, each with its reason."""
    for name, reason in EXCLUDED.items():
        if hasattr(cls, name):
            setattr(cls, name, unittest.skip(reason)(getattr(cls, name)))
    return cls


class SubFuture(Future):
    pass


@exclude
class TestFuture(futures.BaseFutureTests, utils.TestCase):
    cls = Future


@exclude
class TestFutureSubclass(futures.BaseFutureTests, utils.TestCase):
    cls = SubFuture


@exclude
class TestFutureDoneCallbacks(futures.BaseFutureDoneCallbackTests, utils.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.loop = self.new_test_loop()

    def _new_future(self) -> Future:
        return Future(loop=self.loop)


@exclude
class TestFutureInheritance(futures.BaseFutureInheritanceTests, utils.TestCase):
    def _get_future_cls(self) -> type:
        return Future


@exclude
class TestPair(tasks.BaseTaskTests, tasks.SetMethodsTest, utils.TestCase):
    Task, Future = Task, Future


@exclude
class TestOurTaskWithCFutures(tasks.BaseTaskTests, utils.TestCase):
    Task, Future = Task, asyncio.Future


@exclude
class TestCTaskWithOurFutures(tasks.BaseTaskTests, utils.TestCase):
    Task, Future = asyncio.Task, Future


@exclude
@tasks.add_subclass_tests
class TestPairSubclassed(tasks.BaseTaskTests, utils.TestCase):
    Task, Future = Task, Future


@exclude
class TestCurrentTask(tasks.BaseCurrentLoopTests, utils.TestCase):
    current_task = staticmethod(asyncio.current_task)

    def new_task(self, coro: object) -> Task:
        return Task(coro, loop=self.loop)


if sys.version_info >= (3, 12):

    @exclude
    class TestEagerTask(cpython("test_eager_task_factory").EagerTaskFactoryLoopTests, utils.TestCase):
        Task = Task


class NoPatience(selectors.DefaultSelector):
    """Instead of waiting for a timer it sets the clock forward: these tests sleep a lot."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            return super().select()
        events = super().select(0)
        if not events:
            self.skipped += max(timeout, 0)
        return events


class OurLoop(asyncio.SelectorEventLoop):
    """The stock loop, with our futures and tasks."""

    def __init__(self) -> None:
        self.clock = NoPatience()
        super().__init__(self.clock)
        self.set_task_factory(lambda loop, coro, **options: Task(coro, loop=loop, **options))

    def time(self) -> float:
        return super().time() + self.clock.skipped

    def create_future(self) -> Future:
        return Future(loop=self)


class OurPolicy(asyncio.DefaultEventLoopPolicy):
    _loop_factory = OurLoop


@pytest.fixture
def our_loop_by_default() -> Iterator[None]:
    asyncio.set_event_loop_policy(OurPolicy())
    yield
    asyncio.set_event_loop_policy(None)


@pytest.mark.usefixtures("our_loop_by_default")
class OnOurLoop(unittest.IsolatedAsyncioTestCase):
    async def test_the_test_itself_runs_in_our_task(self) -> None:
        self.assertIs(type(asyncio.current_task()), Task)
        self.assertIs(type(asyncio.get_running_loop().create_future()), Future)


def on_our_loop(module: str) -> dict[str, type]:
    """The asynchronous test classes of a CPython test module, each bound to run on `OurLoop`."""
    classes = vars(cpython(module)).values()
    found = [
        cls for cls in classes if isinstance(cls, type) and issubclass(cls, unittest.IsolatedAsyncioTestCase)
    ]
    return {
        f"Test_{module}_{cls.__name__}": exclude(type(cls.__name__, (cls, OnOurLoop), {})) for cls in found
    }


for _module in ("test_taskgroups", "test_timeouts", "test_waitfor", "test_locks", "test_queues"):
    globals().update(on_our_loop(_module))
