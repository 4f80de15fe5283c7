"""A child's end of the conversation with the parent: a job and commands come in, reports go out.

One JSON object a line, on the standard input and output the child was started with. The child's standard
output is pointed at its standard error right away, so that a stray ``print`` in somebody's loop cannot garble
a report. `children` is the other end.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from lab.errors import LabError
from lab.harness.machine.cores import pin
from lab.harness.machine.limits import raise_descriptor_limit


class Channel:
    """The child's end. Reports may come from any thread; only one thread may read."""

    def __init__(self) -> None:
        self._reports = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.at_end: Callable[[], object] = bool
        """What is done when the parent is gone, before this process goes too."""

    def start(self) -> dict[str, Any]:
        """Read the job and prepare this process for it: its core, its descriptors, its last words."""
        job = json.loads(self.command())
        job["pinned"] = pin(job["core"])
        raise_descriptor_limit()
        faulthandler.enable()
        # A hung child is told to terminate first: its stack then stands in the failed sample.
        faulthandler.register(signal.SIGTERM, chain=True)
        return job

    def command(self) -> str:
        """Block until the parent says something. When the parent is gone, so is this process."""
        line = sys.stdin.buffer.readline()
        if not line:
            self.at_end()
            os._exit(1)
        return line.decode().rstrip("\n")

    def report(self, event: str, **fields: Any) -> None:
        """Tell the parent."""
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._reports, line) :]

    def fail(self, error: BaseException, sentences: tuple[type[BaseException], ...] = ()) -> NoReturn:
        """Report the error that ends this process: where and what; the whole traceback goes to stderr, unless
        it is one of ``sentences``, which say all there is to say.

        The process then waits for its end instead of leaving: its closing sockets would make the other
        process fail too, with an account that hides the cause.
        """
        if not isinstance(error, sentences):
            traceback.print_exception(error, file=sys.stderr)
        sys.stderr.flush()
        faulthandler.unregister(signal.SIGTERM)
        self.report("failed", reason=describe(error))
        threading.Event().wait()
        raise AssertionError("unreachable: the parent ends this process")


def describe(error: BaseException) -> str:
    """One line: kind and message of the innermost error, and where it was raised.

    The lab's own errors are sentences that stand for themselves.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    message = " ".join(str(error).split())
    if isinstance(error, LabError):
        return message
    if isinstance(error, NotImplementedError):
        # Imported here, since the load process does without asyncio, which this needs.
        from lab.harness.trials.probe import missing

        return f"unsupported: the loop does not implement {missing(error)}"
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {message}{where}"
