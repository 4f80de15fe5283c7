"""Which cores the measured process and the load processes get, and how a process takes its own.

Unpinned, the scheduler moves them about, and the figures vary with it. Each gets a physical core of its own
where the machine has them; no load process is put beside the server. macOS has no call that pins a process;
there and on a single core the sample says that nothing was pinned.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TOPOLOGY = "/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"


AUTOMATIC_LOADS = 4
"""Without a wish there are at most so many load processes: enough for any loop in Python, and on a machine
with many cores the others are left to whatever else runs."""


@dataclass(frozen=True)
class Cores:
    """The cores of a run; all None: nothing is pinned, and ``note`` says why."""

    server: int | None
    loads: tuple[int | None, ...]
    """One entry for each load process; those with the same core share it."""
    note: str
    """For people: ``server on core 1, load on core 0``."""

    def has_own(self, load: int) -> bool:
        """Whether load process ``load`` has a core to itself; unpinned, whether there are cores enough."""
        core = self.loads[load]
        if core is None:
            return len(self.loads) < _usable()
        return core != self.server and self.loads.count(core) == 1


def choose_cores(load_processes: int | None = None) -> Cores:
    """A core for the server and one for each load process, among those that this process may use.

    None: as many load processes as there are physical cores beside the server's, at least one and at most
    `AUTOMATIC_LOADS`. More than there are cores share some.
    """
    if not hasattr(os, "sched_setaffinity"):
        return _unpinned("this system has no call that pins a process", load_processes or 1)
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return _unpinned("there is one usable core, which server and load share", load_processes or 1)
    beside_first = _siblings(usable[0])
    server = next((core for core in usable[1:] if core not in beside_first), usable[1])
    alone, threads = _by_physical_core(usable, server)
    places = [*alone, *threads] or [usable[0]]
    count = load_processes or max(1, min(len(alone), AUTOMATIC_LOADS))
    loads = tuple(places[number % len(places)] for number in range(count))
    note = f"server on core {server}, {_said(loads)}"
    if server in beside_first:
        note += ", which are threads of one physical core"
    return Cores(server, loads, note)


def _usable() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _unpinned(why: str, load_processes: int) -> Cores:
    several = f"; {load_processes} load processes" if load_processes > 1 else ""
    return Cores(None, (None,) * load_processes, f"not pinned: {why}{several}")


def _by_physical_core(usable: list[int], server: int) -> tuple[list[int], list[int]]:
    """The cores away from the server's physical one: the first thread of each, and the other threads."""
    alone: list[int] = []
    threads: list[int] = []
    beside_server = _siblings(server) | {server}
    beside: set[int] = set()
    for core in usable:
        if core in beside_server:
            continue
        (threads if core in beside else alone).append(core)
        beside |= _siblings(core)
    return alone, threads


def _said(loads: tuple[int | None, ...]) -> str:
    """``load on core 0``; ``3 load processes on cores 0, 2``, and that some share one."""
    cores = list(dict.fromkeys(loads))
    where = f"core{'s' if len(cores) > 1 else ''} {', '.join(map(str, cores))}"
    if len(loads) == 1:
        return f"load on {where}"
    shared = "" if len(cores) == len(loads) else ", which they share"
    return f"{len(loads)} load processes on {where}{shared}"


def pin(core: int | None) -> bool:
    """Keep this process on ``core``; say whether that was done. None asks for nothing."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return False
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        return False
    return True


def _siblings(core: int) -> set[int]:
    """The hardware threads that share ``core``'s physical core, as far as the system tells."""
    try:
        return parse_core_list(Path(_TOPOLOGY.format(core=core)).read_text("ascii"))
    except (OSError, ValueError):
        return {core}


def parse_core_list(text: str) -> set[int]:
    """``0-1,8`` as Linux writes it -> {0, 1, 8}; raises `ValueError` for anything else."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return cores
