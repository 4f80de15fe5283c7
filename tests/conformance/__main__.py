"""Run CPython's asyncio tests on the mini-loop, on each backend that works here, and say how they end.

    python -m tests.conformance                              every backend, C tasks and Python tasks
    python -m tests.conformance --backend "poll epoll" --tasks c --only test_streams
    python -m tests.conformance --factory asyncio:SelectorEventLoop         another loop, for comparison

Some of the tests bind every interface. Where the system lets a user have a network of their own (Linux), they
run in one that has nothing but loopback.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import backends
from lab.errors import UnknownNameError
from tests.conformance import worker
from tests.conformance.replacing import TEST_PACKAGE, Subject
from tests.conformance.suite import installed_modules
from tests.conformance.worker import Outcome, RecordFile

KNOWN_VERSIONS = ((3, 11), (3, 12), (3, 13))
STATUSES = ("passed", "failed", "skipped", "excluded")
ALONE = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
"""Runs a command in a network that has nothing but loopback."""
SHOWN_OUTPUT = 8000
"""Characters of a worker's last output that are kept for a test that ended it."""

SHOWN_FAILURES = 30
"""Failures of one loop that are listed unless all are asked for."""


@dataclass
class Report:
    """The outcome of every test of a module, and the seconds they took."""

    module: str
    outcomes: dict[str, Outcome]
    seconds: float

    def count(self, status: str) -> int:
        """How many tests ended so."""
        return sum(outcome.status == status for outcome in self.outcomes.values())


# -- workers ---------------------------------------------------------------------------------------------


def alone() -> list[str]:
    """What to put in front of a command to give it a network of its own; nothing where that cannot be."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return []
    tried = subprocess.run([*ALONE, "true"], stdin=subprocess.DEVNULL, capture_output=True)
    return ALONE if tried.returncode == 0 else []


def start_worker(
    module: str, subject: Subject, records: Path, log: IO[bytes], options: argparse.Namespace
) -> int:
    """Run a worker to its end, and end whatever processes it left behind; its exit status."""
    command = [*options.prefix, sys.executable, "-m", "tests.conformance", "--factory", str(subject)]
    command += ["--timeout", str(options.timeout), "--worker", module, "--records", str(records)]
    if options.only is not None:
        command += ["--only", options.only]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    try:
        # The exit status stays unread for now: until it is read, no other group can get this number.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode


def run_module(module: str, subject: Subject, scratch: Path, options: argparse.Namespace) -> Report:
    """Run all tests of a module, with as many workers as that takes."""
    begin = time.monotonic()
    records = RecordFile(scratch / f"{module}.jsonl")
    log_path = scratch / f"{module}.log"
    finished = False
    while not finished:
        with log_path.open("wb") as log:
            status = start_worker(module, subject, records.path, log, options)
        unfinished = [name for name, outcome in records.read().items() if outcome.status == "started"]
        finished = not unfinished
        if finished and status != 0:
            unfinished = [f"{module} (outside any test)"]
        output = log_path.read_text(errors="replace")[-SHOWN_OUTPUT:]
        if "Timeout (" in output:  # the words of faulthandler
            cause = f"took longer than {options.timeout:g} seconds"
        else:
            cause = f"ended the process with exit status {status}"
        for name in unfinished:
            records.append(name, Outcome("failed", f"{output}\n{cause}"))
    return Report(module, records.read(), time.monotonic() - begin)


def wanted_modules(only: str | None) -> list[str]:
    """The modules to run: one, if ``--only`` begins with its name."""
    modules = installed_modules()
    first = (only or "").partition(".")[0]
    return [first] if first in modules else modules


def run_suite(subject: Subject, options: argparse.Namespace) -> list[Report]:
    """Run all modules on one loop, a few side by side; only those that had tests to run are returned."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        concurrent.futures.ThreadPoolExecutor(options.jobs) as pool,
    ):
        running = [
            pool.submit(run_module, module, subject, Path(scratch), options)
            for module in wanted_modules(options.only)
        ]
        reports = [each.result() for each in running]
    return [report for report in reports if report.outcomes]


# -- what is said ----------------------------------------------------------------------------------------


def print_reports(reports: list[Report], verbose: bool) -> None:
    """One line for each module if ``verbose``, the tests that failed, and the sums."""
    if verbose:
        print(f"{'module':<26}{''.join(f'{status:>10}' for status in STATUSES)}{'seconds':>10}")
        for report in reports:
            counts = "".join(f"{report.count(status):>10}" for status in STATUSES)
            print(f"{report.module:<26}{counts}{report.seconds:>10.1f}")
    failures = [
        (name, outcome.detail.rstrip().splitlines())
        for report in reports
        for name, outcome in report.outcomes.items()
        if outcome.status == "failed"
    ]
    for name, lines in failures if verbose else failures[:SHOWN_FAILURES]:
        print(f"FAILED {name}", *(lines if verbose else lines[-1:]), sep="\n    ")
    if len(failures) > SHOWN_FAILURES and not verbose:
        print(f"... and {len(failures) - SHOWN_FAILURES} more; --verbose shows all")
    sums = {status: sum(report.count(status) for report in reports) for status in STATUSES}
    print(", ".join(f"{count} {status}" for status, count in sums.items()), flush=True)


def subjects(options: argparse.Namespace) -> list[Subject]:
    """The loops to test: those asked for, or all that work here. What does not is named."""
    if options.factory:
        return [Subject.parse(options.factory)]
    found = []
    for name in options.backend or backends.names():
        reason = backends.unavailable(name)
        if reason is None:
            found += [Subject(name, tasks) for tasks in options.tasks]
        else:
            print(f"{name}: not tested, since it is not available here: {reason}")
    return found


def listed(kind: str, choices: Sequence[str]) -> Callable[[str], list[str]]:
    """A type of argument: some of ``choices``, with spaces or commas between."""

    def parse(text: str) -> list[str]:
        names = text.replace(",", " ").split()
        for name in names:
            if name not in choices:
                raise argparse.ArgumentTypeError(str(UnknownNameError(kind, name, choices)))
        return names

    return parse


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--backend",
        metavar="NAMES",
        type=listed("backend", backends.names()),
        default="",
        help="backends (default: all that work here)",
    )
    parser.add_argument(
        "--tasks",
        metavar="KINDS",
        type=listed("kind of tasks", ("c", "python")),
        default="c python",
        help='(default: "%(default)s")',
    )
    parser.add_argument(
        "--factory", metavar="MODULE:CALLABLE", help="test the loops that this returns instead"
    )
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        help="only tests whose id (module.Class.method) contains it; * and ? match",
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=60.0, help="a test that takes longer hangs"
    )
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=min(4, os.cpu_count() or 1), help="modules side by side"
    )
    parser.add_argument("--verbose", action="store_true", help="counts by module, and whole tracebacks")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--records", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """0: no test failed, or there are none here; 1: one did; 2: none was selected, or Python is too new."""
    options = arguments()
    if options.worker:
        subject = Subject.parse(options.factory)
        worker.run(options.worker, subject, RecordFile(options.records), options.only, options.timeout)
        return 0
    if importlib.util.find_spec("test") is None or importlib.util.find_spec(TEST_PACKAGE) is None:
        print(
            f"CPython's asyncio tests are not installed: {sys.executable} cannot import {TEST_PACKAGE}, which"
            " some systems package apart (Debian and Ubuntu: libpython3-testsuite). Nothing was tested."
        )
        return 0
    if sys.version_info[:2] not in KNOWN_VERSIONS:
        print(f"The suite is known for {KNOWN_VERSIONS}; this is Python {sys.version_info[:2]}.")
        return 2
    options.prefix = alone()
    if not options.prefix:
        print("No network of its own can be had here: some of the tests listen on every interface.")
    ran = failed = 0
    for subject in subjects(options):
        print(f"{subject}: ", end="", flush=True)
        reports = run_suite(subject, options)
        print_reports(reports, options.verbose)
        ran += sum(len(report.outcomes) for report in reports)
        failed += sum(report.count("failed") for report in reports)
    if not ran:
        print(
            f"Nothing was run: no test's id contains {options.only!r}."
            if options.only
            else "Nothing was run."
        )
    return 2 if not ran else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
