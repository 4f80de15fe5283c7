"""strace(1): whether it works here, its command line, and the counts of system calls in what it writes.

Facts
- It stops the traced process twice at each system call, and an operation takes ten times as long or more. So
  the load is traced as well, and its trace thrown away: were the server alone slowed, data would always be
  there before it is asked for, and a loop that tries to read first, as asyncio does, would never wait.
- ``strace -c`` counts a whole life, imports and set-up included; a window cannot be cut out of it. So every
  call is written down, its arguments raw, which is as fast, and the calls between two `marks` count.
- It is run as the parent of what it traces: that needs no privilege, even where only descendants may be
  traced (``kernel.yama.ptrace_scope`` 1). To attach would. A container may forbid both: it is tried.
- It exists on Linux. What macOS has, dtruss, needs root and System Integrity Protection switched off.
- Reading the clock (``clock_gettime``) is no system call where the kernel offers it as a function (vdso(7)).
- A call counts when it begins. One that other threads interrupt (``<unfinished ...>``) has a second line,
  which does not count.
- A process that the traced one starts is followed too: from ``execve`` a number is known to be one. What it
  does is its own and does not count, unless it is what the traced one was started to keep.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from lab.harness.measured import marks

PROBE_S = 10.0
"""To trace a program that does nothing takes milliseconds."""

_BEGINNING = re.compile(r"^(\d+) +(\w+)\(")
"""The thread's number and the name of the call that it begins."""
_MARK = re.compile(rf'"{marks.PREFIX}-(begin|end)-(own|others|started)"')


def tracers(trace: Path) -> dict[str, tuple[str, ...]]:
    """What `lab.harness.sampling.take_sample` wants, to have the measured process's calls in ``trace``."""
    measured = dict.fromkeys(("lab.harness.measured.worker", "lab.harness.measured.keeper"), command(trace))
    return measured | {"lab.harness.load.process": command(Path(os.devnull))}


def command(trace: Path, strace: str | None = None) -> tuple[str, ...]:
    """What stands before a command line to have its system calls written into ``trace``."""
    program = strace or shutil.which("strace") or "strace"
    # The calls that can be a mark are printed in words; ? is for those that this system lacks.
    raw = "raw=!?access,?faccessat,?faccessat2"
    return (program, "-f", "-qq", "-e", raw, "-e", "signal=none", "-o", str(trace), "--")


@functools.cache
def unavailable() -> str | None:
    """Why system calls cannot be counted here, found by tracing something; None: they can."""
    if not sys.platform.startswith("linux"):
        return f"strace exists on Linux only, and this is {sys.platform}"
    program = shutil.which("strace")
    if program is None:
        return "strace is not installed: apt install strace, or what your system calls it"
    return refusal(program)


def refusal(program: str) -> str | None:
    """Why the strace at ``program`` cannot trace a process of ours; None: it can."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        try:
            done = subprocess.run(
                [*command(trace, program), sys.executable, "-S", "-c", ""],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROBE_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"expected {program} to trace a process, got: {error}"
        if done.returncode == 0 and trace.exists() and "execve(" in trace.read_text(errors="replace"):
            return None
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        how = said or f"exit status {done.returncode} and no system call"
        return f"expected {program} to trace a process, got: {how}. A container needs --cap-add=SYS_PTRACE"


def calls(lines: Iterable[str]) -> dict[str, int]:
    """How often each system call began between the marks, most frequent first.

    Raises `ValueError` if the marks are not there.
    """
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    first: str | None = None
    seen: list[str] = []
    ours, processes, started = set(), set(), False
    for line in lines:
        if not (found := _BEGINNING.match(line)):
            continue
        thread, call = found.groups()
        first = first or thread
        if mark := _MARK.search(line):
            seen.append(mark[1])
            started = mark[2] == "started"
            ours |= set() if mark[2] == "own" else {thread}
        elif call == "execve" and thread != first:
            processes.add(thread)
        elif seen == ["begin"]:
            counts[thread][call] += 1
    if seen != ["begin", "end"]:
        raise ValueError(f"expected the marks of a window in the trace, begin and end, got {seen}")
    left_out = ours if started else ours | processes
    counted = sum((each for thread, each in counts.items() if thread not in left_out), Counter())
    return dict(counted.most_common())
