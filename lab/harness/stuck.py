"""Which of the silent processes of a sample is stuck, told from what the system says of them.

Rule: only what can be seen is said. A stopped process is stuck for certain, and one that computes while the
others wait very likely; where all wait, each may wait for the other, and none is blamed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import psutil

LOOK_S = 0.1
"""Between two looks at the CPU time: some ticks of the system's clock."""
COMPUTING = 0.5
"""Who used this share of a core between the looks computes; who waits uses next to nothing."""


def look(processes: Mapping[str, int]) -> tuple[str | None, str]:
    """The stuck one of ``processes`` (role -> process id), None if it cannot be told; and the state of each,
    such as ``the server is stopped, the load waits``."""
    before = {role: _cpu_s(pid) for role, pid in processes.items()}
    time.sleep(LOOK_S)
    states = {role: _state(pid, before[role]) for role, pid in processes.items()}
    said = ", ".join(f"the {role} {state}" for role, state in states.items())
    for sign in ("is stopped (SIGSTOP)", "computes"):
        if len(found := [role for role, state in states.items() if state == sign]) == 1:
            return found[0], said
    return (next(iter(states)) if len(states) == 1 else None), said


def innermost_frame(dump: str) -> str | None:
    """Where the thread that answered the signal stood, in a dump of the module `faulthandler`; None: no dump.

    Such a dump has the most recent call first, so that its last line says least.
    """
    _, found, stack = dump.partition("Current thread ")
    lines = stack.splitlines()[1:2] if found else []
    return lines[0].strip() if lines else None


def _state(pid: int, before_s: float) -> str:
    try:
        if psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
            return "is stopped (SIGSTOP)"
    except psutil.Error:
        return "has ended"
    return "computes" if _cpu_s(pid) - before_s >= COMPUTING * LOOK_S else "waits"


def _cpu_s(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system
