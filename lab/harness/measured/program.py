"""Somebody's own program, started by a command: from the first process to the last.

Rules
- It is ready when its port accepts, when it has made a loop with the factory that it was given, and when it
  has come to rest: another worker of it may still be importing.
- What it prints goes into the file that keeps this process's standard error: no pipe can fill.
- It is asked to end (SIGTERM to what this process has started), and what is left is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from lab import factories
from lab.errors import LabError
from lab.harness.measured import commands
from lab.harness.measured.process_tree import ProcessTree

HOST = "127.0.0.1"
READY_S = 30.0
"""How long a program may take from its start until it can be measured."""
LOOK_S = 0.02
"""From one look whether it is ready to the next."""
REST_S, RESTING = 0.05, 0.2
"""A program that uses less than this share of a core, for so long, has come to rest."""
SILENT_S = 2.0
"""One that accepts, rests for so long, and has made no loop with the factory that it was given, will not."""
RESTLESS_S = 3.0
"""How long it may go on working unasked before it is measured nevertheless: that may be its nature."""
GRACE_S = 3.0
"""How long it may take to end when asked."""
LAST_WORDS_BYTES = 4000


class Program:
    """A command and the processes that come of it."""

    def __init__(self, job: dict[str, Any]) -> None:
        """``job`` holds the ``program``, the ``subject``, a ``folder`` for one sample, and the person's own
        ``python_path``."""
        self._text, self._python_path = job["program"]["text"], job["python_path"]
        self._loop = commands.loop_place(job["subject"])
        self._told = Path(job["folder"], "loops-made")
        self.port = _free_port()
        self.tree = ProcessTree()
        self._pid: int | None = None
        self._status: int | None = None
        self._ready = self._ended = False

    def start(self) -> None:
        """Start it; raises `LabError` where that cannot be done."""
        words = commands.command_line(self._text, host=HOST, port=self.port, loop=self._loop)
        environment = self._environment()
        try:
            started = subprocess.Popen(
                [commands.found(words[0]), *words[1:]],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                env=environment,
            )
        except OSError as error:
            raise LabError(f"expected to start {words[0]!r}, got: {error}") from error
        self._pid = started.pid

    def wait_until_ready(self) -> None:
        """Return once it can be measured; raises `LabError` where it cannot."""
        until = time.monotonic() + READY_S
        while not self._listens():
            self.check_running()
            if time.monotonic() > until:
                raise LabError(f"{self._expected()}, got no listener: does it use {{port}}?{_last_words()}")
            time.sleep(LOOK_S)
        if commands.tells(self._text, self._loop):
            self._wait_for_loop(until)
        resting_by = time.monotonic() + RESTLESS_S
        while not self._rests() and time.monotonic() < resting_by:
            self.check_running()
        self._ready = True

    def check_running(self) -> None:
        """Raise `LabError` if nothing of it is left, or the command itself has failed."""
        self._status = self.tree.reap().get(self._pid, self._status)
        if self._status is None or (self._status == 0 and self.tree.running()):
            return
        raise LabError(f"{self._expected()}, got {_ending(self._status)}{_last_words()}")

    def end(self) -> None:
        """End all of it; the second time nothing happens."""
        if self._pid is None or self._ended:
            return
        self._ended = True
        self.tree.terminate()
        killing_at = time.monotonic() + GRACE_S
        while self.tree.running() and time.monotonic() < killing_at + GRACE_S:
            self.tree.reap()
            if time.monotonic() > killing_at:
                self.tree.kill()
            time.sleep(LOOK_S)
        self.tree.reap()

    def _expected(self) -> str:
        if self._ready:
            return "expected your command to serve until it is ended"
        return f"expected your command to listen on {HOST}:{self.port} within {READY_S:g} s"

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex((HOST, self.port)) == 0

    def _wait_for_loop(self, until: float) -> None:
        """Raise `LabError` where it makes no loop with the factory that it was given."""
        rested_s = 0.0
        while not self._told.exists():
            self.check_running()
            rested_s = rested_s + REST_S if self._rests() else 0.0
            if rested_s > SILENT_S or time.monotonic() > until:
                raise LabError(
                    f"expected your program to run on a loop from {self._loop}, but it listens and has made "
                    f"none: {commands.advice(self._text)}"
                )

    def _rests(self) -> bool:
        """Whether it uses next to nothing for a moment."""
        before_s = self.tree.account().cpu_s
        time.sleep(REST_S)
        return self.tree.account().cpu_s - before_s < RESTING * REST_S

    def _environment(self) -> dict[str, str]:
        """The person's own, in which the lab can be imported and the commands beside its interpreter come
        first."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        paths = [self._python_path] if self._python_path else []
        root = str(Path(factories.__file__).parent.parent)
        if root not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
            paths.append(root)
        if paths:
            kept["PYTHONPATH"] = os.pathsep.join(paths)
        return kept | {"PATH": commands.search_path(), factories.TOLD_TO: str(self._told)}


def _free_port() -> int:
    """A port that nobody listens on now. The command takes it a moment later; the kernel gives the next one
    that asks another."""
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"its end by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _last_words() -> str:
    """The last line that it has printed, behind a colon; empty where there is none."""
    size = os.fstat(sys.stderr.fileno()).st_size
    printed = os.pread(sys.stderr.fileno(), LAST_WORDS_BYTES, max(0, size - LAST_WORDS_BYTES))
    lines = [line.strip() for line in printed.decode("utf-8", "replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
