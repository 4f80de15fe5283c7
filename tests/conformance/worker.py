"""Running one module of CPython's tests, in a process of its own.

Rule: whatever happens, what is known is on the disk. Each test is recorded when it starts and when it ends. A
test that hangs, or takes the process with it, is the one that has started and not ended; another worker goes
on behind it.

Pitfall: garbage is collected after each test, or what one leaves behind is told while a later one runs. Some
record the warnings of the whole process, and ``test_kill_issue43884`` of ``test_subprocess`` may leave a pipe
that nobody closed: its process has ended, and a child of that holds the other end for a second more.
"""

from __future__ import annotations

import asyncio
import faulthandler
import fnmatch
import gc
import importlib
import json
import signal
import sys
import traceback
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.conformance.replacing import (
    TEST_PACKAGE,
    CountingFactory,
    Subject,
    bound,
    install_policy,
    log_as_base_events,
    test_id,
    tests_of,
)
from tests.conformance.suite import selected_classes, why_excluded


class Outcome(NamedTuple):
    """How a test ended: "passed", "failed", "skipped" or "excluded" ("started" while it runs), and why."""

    status: str
    detail: str = ""


class RecordFile:
    """What is known about the tests of a module, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, name: str, outcome: Outcome) -> None:
        """Write down how a test stands."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, *outcome]) + "\n")

    def read(self) -> dict[str, Outcome]:
        """Test -> how it stands by the latest record."""
        if not self.path.exists():
            return {}
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return {name: Outcome(*outcome) for name, *outcome in map(json.loads, lines)}


class RecordingResult(unittest.TestResult):
    """Records each test; one that takes too long ends the process with a traceback of all threads."""

    def __init__(self, records: RecordFile, factory: CountingFactory, timeout: float) -> None:
        super().__init__()
        self.buffer = True  # sys.stdout and sys.stderr are StringIO objects
        self._records = records
        self._factory = factory
        self._timeout = timeout
        self._outcome: Outcome | None = None
        self._calls_before = 0

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self._outcome = Outcome("passed")
        self._calls_before = self._factory.calls
        self._records.append(test_id(test), Outcome("started"))
        faulthandler.dump_traceback_later(self._timeout, exit=True, file=sys.__stderr__)

    def stopTest(self, test: Any) -> None:
        gc.collect()
        super().stopTest(test)
        outcome, self._outcome = self._outcome, None
        if outcome == Outcome("passed") and self._factory.calls == self._calls_before:
            outcome = Outcome("skipped", "does not create an event loop")
        self._records.append(test_id(test), outcome)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._failed(test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._failed(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, err)

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, Outcome("failed", "unexpected success"))

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, Outcome("skipped", reason))

    def _failed(self, test: Any, error: Any) -> None:
        printed = sys.stdout.getvalue() + sys.stderr.getvalue()
        self._note(test, Outcome("failed", printed + "".join(traceback.format_exception(*error))))

    def _note(self, test: Any, outcome: Outcome) -> None:
        if self._outcome is None:  # no test: the set-up or tear-down of a class or module
            self._records.append(test_id(test), outcome)
        elif self._outcome.status != "failed":
            self._outcome = outcome


def selected(pattern: str | None, name: str) -> bool:
    """Whether ``--only`` selects the test of this id."""
    return pattern is None or fnmatch.fnmatchcase(name, f"*{pattern}*")


def loaded(module_name: str, factory: CountingFactory) -> Iterator[unittest.TestCase]:
    """The tests of a module that the suite selects, with loops from ``factory``."""
    module = importlib.import_module(f"{TEST_PACKAGE}.{module_name}")
    for test_class, selection in selected_classes(module):
        yield from tests_of(bound(test_class, selection.mixin, factory), selection.tests)


def run(module_name: str, subject: Subject, records: RecordFile, only: str | None, timeout: float) -> None:
    """Run the tests of one module that are not on record yet."""
    faulthandler.enable(file=sys.__stderr__)
    faulthandler.dump_traceback_later(timeout, exit=True, file=sys.__stderr__)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, it may be ignored
    warnings.simplefilter("default")  # as unittest's own main program does
    asyncio.futures.TimeoutError = TimeoutError  # the tests' helpers raise it under a name it has not got
    factory = CountingFactory(subject.factory())
    install_policy(factory)
    log_as_base_events()
    known = records.read()
    suite = unittest.TestSuite()
    try:
        for test in loaded(module_name, factory):
            name = test_id(test)
            if name in known or not selected(only, name):
                continue
            reason = why_excluded(name, subject)
            if reason is None:
                suite.addTest(test)
            else:
                records.append(name, Outcome("excluded", reason))
    except unittest.SkipTest as reason:
        records.append(module_name, Outcome("skipped", str(reason)))
        return
    gc.freeze()  # what the modules hold is no test's garbage, and need not be looked through after each
    suite.run(RecordingResult(records, factory, timeout))
