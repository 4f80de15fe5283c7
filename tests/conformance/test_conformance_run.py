"""The runner itself: it tells passing from failing, survives what its tests do, and says what is missing."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import importlib.util
import os
import subprocess
import sys
import unittest
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.codebase import ROOT
from tests.conformance.replacing import CountingFactory, Subject
from tests.conformance.suite import why_excluded
from tests.conformance.worker import RecordFile, RecordingResult

has_tests = importlib.util.find_spec("test") and importlib.util.find_spec("test.test_asyncio")
needs_cpythons_tests = pytest.mark.skipif(
    not has_tests, reason="this Python comes without the package test.test_asyncio"
)


class Confused(asyncio.SelectorEventLoop):
    """A loop with a fault: it passes the arguments of ``call_soon`` in the wrong order."""

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        return super().call_soon(callback, *args[::-1], context=context)


class Deadly(asyncio.SelectorEventLoop):
    """A loop that takes the process with it."""

    def time(self) -> float:
        os._exit(3)


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@needs_cpythons_tests
def test_a_loop_that_conforms_passes() -> None:
    result = run("--backend", "poll", "--tasks", "c", "--only", "test_events.EventLoopTestsMixin.test_call_*")
    assert result.returncode == 0, result.stdout
    assert "poll/c: 4 passed, 0 failed" in result.stdout


@needs_cpythons_tests
def test_a_loop_that_does_not_is_told_which_test_failed() -> None:
    result = run(
        "--factory", f"{__name__}:Confused", "--only", "test_events.EventLoopTestsMixin.test_call_soon"
    )
    assert result.returncode == 1
    assert "FAILED test_events.EventLoopTestsMixin.test_call_soon\n" in result.stdout
    assert "failed" in result.stdout.splitlines()[-1]


@needs_cpythons_tests
def test_a_test_that_ends_its_process_fails_and_the_others_go_on() -> None:
    some = "test_events.EventLoopTestsMixin.test_call_soon_threadsafe*"
    result = run("--factory", f"{__name__}:Deadly", "--only", some)
    assert "ended the process with exit status 3" in result.stdout
    assert result.returncode == 1
    assert not result.stdout.splitlines()[-1].startswith("0 passed, 1 failed")


class Leftover:
    """Refers to itself: only the garbage collector ends it."""

    def __init__(self) -> None:
        self.itself = self


class LeavesSomethingBehind(unittest.TestCase):
    def runTest(self) -> None:
        self.left = weakref.ref(Leftover())


@pytest.fixture
def only_asked_for() -> Iterator[None]:
    """No garbage is collected by chance, and no watch is kept on a test that has ended."""
    gc.disable()
    yield
    gc.enable()
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.usefixtures("only_asked_for")
def test_what_a_test_leaves_to_the_garbage_collector_is_gone_before_the_next(tmp_path: Path) -> None:
    test = LeavesSomethingBehind()
    factory = CountingFactory(asyncio.SelectorEventLoop)
    test.run(RecordingResult(RecordFile(tmp_path / "records"), factory, timeout=1000))
    assert test.left() is None


@needs_cpythons_tests
def test_a_pattern_that_selects_nothing_is_an_error() -> None:
    result = run("--backend", "poll", "--tasks", "c", "--only", "test_queues.no such test")
    assert result.returncode == 2
    assert "no test's id contains 'test_queues.no such test'" in result.stdout


def test_a_backend_that_there_is_not_is_refused_in_a_line() -> None:
    result = run("--backend", "poll, epol")
    assert result.returncode == 2
    assert "no backend is called 'epol'. Did you mean 'epoll'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_python_without_the_tests_is_told_so_and_passes(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "__init__.py").touch()
    result = run(PYTHONPATH=str(tmp_path))
    assert result.returncode == 0
    assert "Nothing was tested" in result.stdout


def test_what_asks_for_asyncios_own_classes_is_left_out_only_with_python_tasks() -> None:
    name = "test_base_events.BaseEventLoopTests.test_set_task_factory"
    assert why_excluded(name, Subject.parse("epoll")) is None
    assert why_excluded(name, Subject.parse("epoll/python"))
    assert (
        why_excluded("test_streams.StreamTests.test_open_connection", Subject.parse("epoll/python")) is None
    )
