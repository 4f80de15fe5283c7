"""Which cores the measured process and the load get, and how a process takes its own.

Unpinned, the scheduler moves both about, and the figures vary with it. The two get different physical cores
where the machine has them. macOS has no call that pins a process; there and on a single core the sample says
that nothing was pinned.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TOPOLOGY = "/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"


@dataclass(frozen=True)
class Cores:
    """The cores of a run; both None: nothing is pinned, and ``note`` says why."""

    server: int | None
    load: int | None
    note: str
    """For people: ``server on core 1, load on core 0``."""


def choose_cores() -> Cores:
    """A core for the server and one for the load, among those that this process may use."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores(None, None, "not pinned: this system has no call that pins a process")
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(None, None, "not pinned: there is one usable core, which server and load share")
    load = usable[0]
    siblings = _siblings(load)
    for server in usable[1:]:
        if server not in siblings:
            return Cores(server, load, f"server on core {server}, load on core {load}")
    server = usable[1]
    return Cores(
        server, load, f"server on core {server}, load on core {load}, which are threads of one physical core"
    )


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
