"""How a loop learns that a child process has ended.

Linux has a descriptor for a process (pidfd_open(2), since 5.3), which becomes readable when the process ends:
one more descriptor for the backend, no signal and no thread. Where there is none (macOS, an old kernel, a
sandbox that forbids it) or it cannot be watched (select above its limit), a thread waits for the one child.
Nothing here depends on SIGCHLD or on the main thread, nor on asyncio's child watchers, gone since 3.14.

Rules
- `subprocess.Popen` is the only one who takes the exit status, under its own lock. Until then the child is a
  zombie and its number cannot become another's, so no signal can hit a stranger.
- The end is told two turns after the news of it, so that what the child wrote before is told first.

Pitfalls
- Somebody else in the process may have taken the status (``os.wait()``; SIGCHLD ignored). Nobody can tell it
  any more, and 255 is reported, with a warning, as asyncio does.
- Before Python 3.13, macOS has no ``os.waitid``, so its thread takes the status itself; a signal sent at that
  moment may find the number free. Popen narrows the gap by asking first, as for everybody.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from lab.loop.pipes import PipesLoop

logger = logging.getLogger("asyncio")

UNKNOWN_STATUS = 255
"""What is reported when nobody can tell the exit status."""


class ChildrenLoop(PipesLoop):
    """The fourteenth storey waits for children."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._children: dict[subprocess.Popen[bytes], Callable[[int], object]] = {}
        self._pidfds: set[int] = set()

    def close(self) -> None:
        """Close, and wait for no child any more."""
        if not self.is_running():
            self._children.clear()
            while self._pidfds:
                self._forget_pidfd(next(iter(self._pidfds)))
        super().close()

    def _when_ended(self, process: subprocess.Popen[bytes], callback: Callable[[int], object]) -> None:
        """Call ``callback(returncode)`` in the loop when ``process`` has ended."""
        self._children[process] = callback
        if not self._watch_child(process):
            name = f"waiting for process {process.pid}"
            threading.Thread(target=self._wait_for_child, args=(process,), name=name, daemon=True).start()

    def _child_ended(self, process: subprocess.Popen[bytes]) -> None:
        """The news of it, either way."""
        self.call_soon(self._children.pop(process), take_status(process))

    # -- by a descriptor -------------------------------------------------------------------------------

    def _watch_child(self, process: subprocess.Popen[bytes]) -> bool:
        if not hasattr(os, "pidfd_open"):
            return False
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:  # an old kernel, a sandbox, no descriptor left
            return False
        self._pidfds.add(pidfd)
        try:
            self.add_reader(pidfd, self._child_ready, pidfd, process)
        except (OSError, ValueError):  # too high a number for select
            self._forget_pidfd(pidfd)
            return False
        return True

    def _child_ready(self, pidfd: int, process: subprocess.Popen[bytes]) -> None:
        if has_ended(process):
            self._forget_pidfd(pidfd)
            self._child_ended(process)

    def _forget_pidfd(self, pidfd: int) -> None:
        self._pidfds.discard(pidfd)
        self.remove_reader(pidfd)
        os.close(pidfd)

    # -- by a thread -----------------------------------------------------------------------------------

    def _wait_for_child(self, process: subprocess.Popen[bytes]) -> None:
        wait_until_ended(process)
        try:
            self.call_soon_threadsafe(self._child_ended, process)
        except RuntimeError:  # the loop is closed and nobody is told, but no zombie stays behind
            process.poll()


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether ``process`` has ended; its status stays where it is."""
    try:
        return bool(os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    except ChildProcessError:  # its status was taken, here or elsewhere
        return True


def wait_until_ended(process: subprocess.Popen[bytes]) -> None:
    """Wait, in a thread, until ``process`` has ended; its status stays where it is, if the system can."""
    if not hasattr(os, "waitid"):
        process.wait()
        return
    with contextlib.suppress(ChildProcessError):  # its status was taken, here or elsewhere
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def take_status(process: subprocess.Popen[bytes]) -> int:
    """The return code of a process that has ended, as `subprocess` counts: minus the signal, if killed."""
    if process.returncode is None and hasattr(os, "waitid"):
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            logger.warning(
                "child process pid %d exit status already read: will report returncode %d",
                process.pid,
                UNKNOWN_STATUS,
            )
            process.returncode = UNKNOWN_STATUS
    return process.wait()
