"""Making CPython's tests create their loops by a factory of ours.

Rule: the tests themselves stay as they are. A test class gets a mixin in front of it, whose loop-creating
methods win; what calls ``asyncio.new_event_loop()`` or ``asyncio.run()`` gets its loop through the policy.
Where a test replaces the logger of asyncio's loop, it replaces the mini-loop's too.
"""

from __future__ import annotations

import asyncio
import fnmatch
import importlib
import unittest
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import lab
from lab.loop import diagnostics

TEST_PACKAGE = "test.test_asyncio"

NewLoop = Callable[[], asyncio.AbstractEventLoop]


class Subject(NamedTuple):
    """The loop under test: a backend and its tasks, or any factory, for comparison."""

    backend: str
    """A backend's name, or ``module:callable``."""
    tasks: str = "c"

    @classmethod
    def parse(cls, text: str) -> Subject:
        """``epoll``, ``epoll/python`` or ``module:callable``."""
        backend, _, tasks = text.partition("/")
        return cls(backend, tasks or "c")

    def __str__(self) -> str:
        return self.backend if ":" in self.backend else f"{self.backend}/{self.tasks}"

    def factory(self) -> NewLoop:
        """What makes its loops."""
        if ":" not in self.backend:
            return lambda: lab.new_event_loop(self.backend, self.tasks)
        module, _, attribute = self.backend.partition(":")
        return getattr(importlib.import_module(module), attribute)


class CountingFactory:
    """A factory that counts its loops: a test that makes none says nothing about them."""

    def __init__(self, new_loop: NewLoop) -> None:
        self._new_loop = new_loop
        self.calls = 0

    def __call__(self) -> asyncio.AbstractEventLoop:
        self.calls += 1
        return self._new_loop()


def install_policy(factory: NewLoop) -> None:
    """Make asyncio's default policy create its loops by ``factory``.

    The tests return to the default policy by setting the policy to None, so the default itself is replaced.
    """

    class FactoryPolicy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return factory()

    asyncio.DefaultEventLoopPolicy = FactoryPolicy
    asyncio.set_event_loop_policy(None)


class LoopFromFactory:
    """Goes in front of a test class: the methods that create its loops. ``make_loop`` is set in `bound`."""

    make_loop: Any = None

    def create_event_loop(self) -> asyncio.AbstractEventLoop:
        return self.make_loop()

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return self.make_loop()

    def new_test_loop(self, gen: Any = None) -> asyncio.AbstractEventLoop:
        if gen is not None:
            self.skipTest("needs asyncio's own loop with a simulated clock")
        loop = self.make_loop()
        self.set_event_loop(loop)
        return loop

    @staticmethod
    def close_loop(loop: asyncio.AbstractEventLoop) -> None:
        """The original reads private attributes of the loop."""
        loop.close()


class LoopStopsServing(LoopFromFactory):
    """For test_prompt_cancellation, which ends with a private call of asyncio's that lets go of a socket."""

    def create_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().create_event_loop()
        if not hasattr(loop, "_stop_serving"):
            loop._stop_serving = loop.remove_reader
        return loop


class LoopInSetUp(LoopFromFactory):
    """For classes that expect, or create by themselves, ``self.loop``."""

    def setUp(self) -> None:
        super().setUp()
        own = getattr(self, "loop", None)
        if own is not None:
            own.close()
        self.loop = self.make_loop()
        self.set_event_loop(self.loop)


class LoopRunBriefly(LoopFromFactory):
    """For the tests of ``gather``, which run a loop until its private queue of callbacks is empty."""

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(10):
            loop.run_until_complete(asyncio.sleep(0))


class LoopNotingShutdown(LoopFromFactory):
    """For test_runners, which checks that ``shutdown_asyncgens`` was awaited."""

    def new_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_loop()
        shutdown_asyncgens = loop.shutdown_asyncgens

        async def noting() -> None:
            loop.shutdown_ag_run = True
            await shutdown_asyncgens()

        loop.shutdown_ag_run = False
        loop.shutdown_asyncgens = noting
        return loop


class LoggerOfBaseEvents:
    """The logger that `asyncio.base_events` has at the moment: tests replace it to see what is logged."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio.base_events.logger, name)


def log_as_base_events() -> None:
    """Let the mini-loop's reports go where those of asyncio's loop go."""
    diagnostics.logger = LoggerOfBaseEvents()


def bound(test_class: type, mixin: type, factory: NewLoop) -> type:
    """A subclass of ``test_class`` with its name, whose loops come from ``factory``."""
    bases: tuple[type, ...] = (mixin, test_class)
    if not issubclass(test_class, unittest.TestCase):
        bases += (importlib.import_module(f"{TEST_PACKAGE}.utils").TestCase,)
    names = {
        "__module__": test_class.__module__,
        "__qualname__": test_class.__qualname__,
        "make_loop": factory,
    }
    return type(test_class.__name__, bases, names)


def tests_of(test_class: type, patterns: tuple[str, ...]) -> Iterator[unittest.TestCase]:
    """The tests of a class whose names match one of ``patterns``."""
    for name in unittest.defaultTestLoader.getTestCaseNames(test_class):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            yield test_class(name)


def test_id(test: unittest.TestCase) -> str:
    """``module.Class.method``"""
    return test.id().removeprefix(f"{TEST_PACKAGE}.")
