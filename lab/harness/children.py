"""The parent's end of the conversation: starts the processes of one sample, hears them, and ends them.

Rules
- Whatever happens, leaving `Children` leaves no process, no descriptor and no temporary file behind.
- Each child has a session of its own: Ctrl-C on the terminal reaches the parent only, and what a child has
  started ends with it.
- Waiting always listens to *all* children: a server that crashes is noticed while the load is awaited.
- Of two accounts of a failure the server's is believed, then a load's: a crashed server makes the loads fail
  too, while a load that failed waits for its end and leaves its sockets open (`channel.Channel.fail`).
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from lab.harness.stuck import look

TAIL_BYTES = 4000
"""How much of a failed process's standard error a sample keeps."""
GRACE_S = 0.5
"""How long a failed or hung child may take over its last words: a stack dump on SIGTERM, or a report."""

DISTORTING_VARIABLES = (
    "PYTHONHASHSEED",
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONMALLOC",
    "PYTHONTRACEMALLOC",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONDONTWRITEBYTECODE",
)
"""Taken out of the children's environment: each changes what is measured, or fixes what must vary.

Without bytecode to read, every process would compile what it imports, for half its start, and keep a heap
shaped by that, in each subject another one.
"""

Tracers = Mapping[str, Sequence[str]]
"""The command line that stands before that of a child, by the child's module; only few are traced."""


class ChildFailure(Exception):
    """A process of the sample failed, ended or did not answer in time; the message says what and why."""

    def __init__(self, child: Child | None, reason: str) -> None:
        super().__init__(f"{child.role}: {reason}" if child else reason)
        self.child = child
        """None: no answer came, and which process hangs is not to be seen (`stuck`)."""
        self.stderr_tail = ""
        """The last of what the failed process (both, if it is not known which) wrote; set on leaving
        `Children`."""


class Child:
    """One process and its pipes. ``role`` is what messages call it: ``server``, ``load``, ``load 2 of 3``.

    ``tracer``: the command line of what runs it, if it is traced. ``grace_s``: how long it may take to end
    what it has started, once its standard input is closed; 0: it has nothing to end.
    """

    def __init__(self, role: str, module: str, tracer: Sequence[str] = (), grace_s: float = 0.0) -> None:
        self.role, self.grace_s = role, grace_s
        self.unheard: deque[dict[str, Any]] = deque()
        """What it has reported and nobody has asked for yet."""
        self._received = b""
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        try:
            self._process = subprocess.Popen(
                [*tracer, sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                env=_environment(),
                start_new_session=True,
            )
        except BaseException:
            self._stderr.close()
            raise
        self.stdout: IO[bytes] = self._process.stdout

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, line: str) -> None:
        """Say something to the child; if it is gone, the next `Children.expect` tells."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")

    def receive(self) -> list[dict[str, Any]]:
        """Read what has come, and return the reports that are whole; raises `ChildFailure` at the end."""
        chunk = os.read(self.stdout.fileno(), 1 << 16)
        if not chunk:
            raise ChildFailure(self, f"ended early, {self._ending()}")
        *lines, self._received = (self._received + chunk).split(b"\n")
        reports = [json.loads(line) for line in lines]
        for report in reports:
            if report["event"] == "failed":
                raise ChildFailure(self, report["reason"])
        return reports

    def _ending(self) -> str:
        try:
            code = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return "closing its report without leaving"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"

    def end(self) -> None:
        """End the child and all it has started; within its grace it does so itself."""
        try:
            if self.grace_s:
                self._process.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(self.grace_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the child and all it has started, now."""
        # What a child with a grace has started may have outlived it.
        if self._process.returncode is None or self.grace_s:
            # EPERM: macOS says so for a group whose only process has ended and is not yet waited for.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def terminate(self) -> str:
        """Ask a failed child to end, which makes it dump its stack; return the tail of its standard error."""
        self._process.terminate()
        # A stopped process takes signals once it goes on.
        self._process.send_signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        return self.printed()

    def printed(self) -> str:
        """The tail of the child's standard error; the child may still be writing to it."""
        # The child writes at the same offset, so it must not be moved.
        descriptor = self._stderr.fileno()
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES))
        return tail.decode(errors="replace").strip()

    def close(self) -> None:
        """Wait for the killed child and give everything back."""
        self._process.wait()
        for pipe in (self._process.stdin, self.stdout, self._stderr):
            pipe.close()


class Children:
    """The processes of one sample, together, under one deadline.

    The first one started is the server, whose account of a failure comes first.
    """

    def __init__(self, deadline_s: float, tracers: Tracers | None = None) -> None:
        self._deadline_s, self._tracers = deadline_s, tracers or {}
        self.began = self.started = time.monotonic()
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, kind: object, failure: BaseException | None, trace: object) -> None:
        try:
            if isinstance(failure, ChildFailure) and failure.child in (None, *self._children):
                failure.stderr_tail = failure.stderr_tail or self._last_words(failure.child)
        finally:
            self._end_all()
            self._selector.close()

    def _end_all(self) -> None:
        """End all, those with a grace last. An interrupt while one has its grace ends them at once."""
        try:
            for child in sorted(self._children, key=lambda each: each.grace_s):
                child.end()
        finally:
            for child in self._children:
                child.kill()
                child.close()

    def _last_words(self, failed: Child | None) -> str:
        if failed:
            # A load whose sentence says all prints nothing: then what the server has said may tell the cause.
            # What it says once that load has gone, and its connections with it, does not.
            before = self._children[0].printed()
            return failed.terminate() or before
        return "\n".join(f"--- {child.role}\n{child.terminate()}" for child in self._children)

    def start(self, role: str, module: str, job: dict[str, Any], grace_s: float = 0.0) -> Child:
        """Start ``python -m module``, under its tracer if it has one, and give it its job; ``grace_s`` as of
        `Child`."""
        child = Child(role, module, self._tracers.get(module, ()), grace_s)
        self._children.append(child)
        self._selector.register(child.stdout, selectors.EVENT_READ, child)
        child.send(json.dumps(job))
        return child

    def elapsed_s(self) -> float:
        """Seconds since the sample began, without those that it rested."""
        return time.monotonic() - self.started

    def begin_anew(self) -> None:
        """Have the deadline count from now: for processes that outlive a sample."""
        self.started = time.monotonic()

    def age_s(self) -> float:
        """Seconds since the sample began, those that it rested included."""
        return time.monotonic() - self.began

    def rest(self) -> Iterator[None]:
        """Yield once; the time until the caller comes back is not this sample's."""
        resting_from = time.monotonic()
        yield
        self.started += time.monotonic() - resting_from

    def expect(self, child: Child, event: str, meaning: str) -> dict[str, Any]:
        """Wait for ``child`` to report ``event``; return its fields. What others report meanwhile is kept.

        Raises `ChildFailure` when any child fails or ends first, or the deadline passes; ``meaning`` says in
        words what was awaited.
        """
        while True:
            while child.unheard:
                if (report := child.unheard.popleft())["event"] == event:
                    return report
            ready = self._selector.select(max(0.0, self._deadline_s - self.elapsed_s()))
            if not ready:
                raise self._silence(meaning)
            # The server first: its failure may be the cause of the load's.
            for key, _mask in sorted(ready, key=lambda each: self._children.index(each[0].data)):
                key.data.unheard.extend(self._hear(key.data))

    def _silence(self, meaning: str) -> ChildFailure:
        """No answer came in time. Who was awaited need not be the stuck one: a load waits for its server."""
        role, states = look({each.role: each.pid for each in self._children})
        stuck = next((each for each in self._children if each.role == role), None)
        within = f"within {self._deadline_s:g} s of the start"
        return ChildFailure(stuck, f"expected {meaning} {within}, got no answer: {states}")

    def _hear(self, child: Child) -> list[dict[str, Any]]:
        """What ``child`` reports. Its failure is raised once the server had the chance to explain it."""
        try:
            return child.receive()
        except ChildFailure as failure:
            server = self._children[0]
            if child is not server:
                _let_explain(server, failure)
            raise


def _let_explain(server: Child, failure: ChildFailure) -> None:
    """If the load failed because the server did, raise the server's account instead."""
    until = time.monotonic() + GRACE_S
    with selectors.DefaultSelector() as selector:
        selector.register(server.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            try:
                server.receive()
            except ChildFailure as cause:
                raise cause from failure


def _environment() -> dict[str, str]:
    """The parent's environment with its import path, and without what would distort the figures."""
    kept = {name: value for name, value in os.environ.items() if name not in DISTORTING_VARIABLES}
    return kept | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
