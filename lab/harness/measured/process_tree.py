"""What a process and all it has started have used: accounts from outside, of programs not the lab's own.

Facts
- Linux keeps the CPU time of every process to the nanosecond, ended threads included: the clock that
  clock_getcpuclockid(3) names. Reading it needs no privilege. What a running thread has used since the last
  tick is missing, so both ends of a window are read while nothing is under way.
- The split between user and system time is in ticks (sysconf(_SC_CLK_TCK), mostly 10 ms) for others to see
  (proc(5), ``stat``): the exact sum is split in that proportion. Over short windows trust the sum, as ever.
- A child that ends within the window leaves its time, in ticks, to the parent that waits for it (``cutime``),
  or exactly, to this process (wait4). Where nobody waits for it (SIGCHLD ignored) it is lost.
- Switches are kept by thread: those of threads and processes that have ended are missing.
- A process that outlives its parent gets a new one: on Linux the nearest ancestor that has asked for that
  (prctl(2), PR_SET_CHILD_SUBREAPER), so that none escapes; elsewhere init, so that it is lost to sight.
- Elsewhere psutil says what the system says: macOS keeps times to the nanosecond, too, but of children that
  have ended nothing, and switches of each process as a whole.
- The peak of the resident size is the sum of the processes' own peaks. Pages that they share count for each.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil

from lab.harness.measured.account import Account
from lab.harness.measured.observer import resident_bytes

_PR_SET_CHILD_SUBREAPER = 36
_ON_LINUX = sys.platform == "linux"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_GONE = (ProcessLookupError, FileNotFoundError, psutil.Error)

Read = TypeVar("Read")


class ProcessTree:
    """All processes that this one has started, and those that they have."""

    def __init__(self) -> None:
        self.adopts = _ON_LINUX and ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        """Whether a process that outlives its parent stays in the tree."""
        self._ended = Account()

    def running(self) -> list[psutil.Process]:
        """Those that run; one that has ended and is not waited for (a zombie) is left out."""
        return [each for each in self._all() if _runs(each)]

    def terminate(self) -> None:
        """Ask to end what this process has started itself; that takes the others with it, or orphans them."""
        for process in psutil.Process().children():
            with contextlib.suppress(*_GONE):
                process.terminate()

    def kill(self) -> None:
        """Kill all."""
        for process in self._all():
            with contextlib.suppress(*_GONE):
                process.kill()

    def reap(self) -> dict[int, int]:
        """Wait for children of this process that have ended, and keep their accounts; id -> wait status."""
        ended: dict[int, int] = {}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, used = os.wait4(-1, os.WNOHANG)
                if not pid:
                    break
                ended[pid] = status
                self._ended += Account(
                    used.ru_utime + used.ru_stime,
                    used.ru_utime,
                    used.ru_stime,
                    used.ru_minflt,
                    used.ru_majflt,
                    used.ru_nvcsw,
                    used.ru_nivcsw,
                )
        return ended

    def account(self) -> Account:
        """What all of them have used so far."""
        self.reap()
        return sum(_each(self._all(), account_of), self._ended)

    def resident_bytes(self) -> int:
        """The resident sizes of all of them, added up."""
        return sum(_each(self._all(), lambda process: resident_bytes(process.pid)))

    def peak_rss_bytes(self) -> int:
        """The highest resident sizes so far; outside Linux the present ones."""
        return sum(_each(self._all(), _peak_rss_bytes))

    @staticmethod
    def _all() -> list[psutil.Process]:
        return psutil.Process().children(recursive=True)


def _each(processes: Iterable[psutil.Process], read: Callable[[psutil.Process], Read]) -> Iterator[Read]:
    """What ``read`` finds of each that is still there."""
    for process in processes:
        with contextlib.suppress(*_GONE):
            yield read(process)


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(*_GONE):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def account_of(process: psutil.Process) -> Account:
    """What one process has used so far; on Linux also those of its children that it has waited for."""
    return _account_on_linux(process.pid) if _ON_LINUX else _account_elsewhere(process)


def _account_on_linux(pid: int) -> Account:
    fields_from_3rd = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    minor, minor_children, major, major_children, *ticks = map(int, fields_from_3rd[7:15])
    user, system, user_children, system_children = ticks
    voluntary, involuntary = _switches(pid)
    return Account(
        _cpu_clock_s(pid) + (user_children + system_children) / _TICKS_PER_S,
        (user + user_children) / _TICKS_PER_S,
        (system + system_children) / _TICKS_PER_S,
        minor + minor_children,
        major + major_children,
        voluntary,
        involuntary,
    )


def _cpu_clock_s(pid: int) -> float:
    """The process's own CPU time, by the clock that the system keeps for it."""
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise ProcessLookupError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def _switches(pid: int) -> tuple[int, int]:
    """Voluntary and involuntary ones, of all its threads."""
    totals = [0, 0]
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for place, name in enumerate(("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")):
            totals[place] += _number(status.read_text("utf-8", "replace"), name)
    return totals[0], totals[1]


def _peak_rss_bytes(process: psutil.Process) -> int:
    if _ON_LINUX:
        return _number(Path(f"/proc/{process.pid}/status").read_text("utf-8", "replace"), "VmHWM:") * 1024
    return process.memory_info().rss


def _number(status: str, name: str) -> int:
    """What stands behind ``name`` in a text of ``name: number`` lines; 0 where it is not in it."""
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)


def _account_elsewhere(process: psutil.Process) -> Account:
    times, memory, switches = process.cpu_times(), process.memory_info(), process.num_ctx_switches()
    return Account(
        times.user + times.system,
        times.user,
        times.system,
        getattr(memory, "pfaults", 0),
        getattr(memory, "pageins", 0),
        switches.voluntary,
        switches.involuntary,
    )
