"""The state of glibc's allocator in which a subject is measured: *fresh*, or *seasoned* by one freed block.

glibc takes every block above a threshold from the kernel (mmap) and gives it back when it is freed: page
faults and three system calls. The threshold begins at 128 KiB, and grows to the size of any such block that
is freed (mallopt(3), M_MMAP_THRESHOLD). So a loop that asks for large read buffers, as asyncio's transports
do with 256 KiB, has two prices: one in a process that has just begun, and one in a process that has once
freed a block so large. Which of them a service pays depends on what it has done before.

The worker is fresh unless a scenario says otherwise. To season it, one block of `SEASONING_BYTES` is freed
before the loop is made. It is 1 MiB, the largest read that any loop here asks for: from then on all of them
come from the heap. glibc would follow up to 32 MiB, but no loop allocates such blocks.

Pitfall: any of `FIXING_VARIABLES` in the environment, or such a tunable, fixes the threshold for good.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Iterator

from lab.errors import UnknownNameError
from lab.results import ProgramRecord, ScenarioRecord

FRESH, SEASONED = STATES = ("fresh", "seasoned")
SEASONING_BYTES = 1 << 20
FIXING_VARIABLES = (
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_MMAP_MAX_",
)
FIXING_TUNABLES = tuple(
    f"glibc.malloc.{name}" for name in ("mmap_threshold", "trim_threshold", "top_pad", "mmap_max")
)
"""The same settings, as they stand in GLIBC_TUNABLES."""
PRELOADED = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
"""A library that is put in front of all others may be another allocator, jemalloc for one."""
ALLOCATOR_VARIABLES = (*FIXING_VARIABLES, "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", *PRELOADED)
"""What changes the price of memory in every process of a run."""


def season() -> None:
    """Free a block that was mapped: blocks up to its size come from the heap from now on."""
    # Of zeroes, from calloc: the kernel has them ready, and no page of the block is touched.
    bytes(SEASONING_BYTES)


def cannot_season(program: ProgramRecord | None = None) -> str | None:
    """Why a process here cannot be seasoned, ``program`` where somebody's own is measured; None: it can."""
    if program is not None and program.kind == "command":
        return "a command makes its own process, in which the lab frees nothing"
    if not is_glibc():
        return "only glibc's allocator changes its prices once a large block was freed, and this is another"
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    fixing = [name for name in FIXING_VARIABLES if name in os.environ]
    fixing += [f"GLIBC_TUNABLES ({name})" for name in FIXING_TUNABLES if name in tunables]
    if fixing:
        return f"{fixing[0]} is set, which fixes the threshold from which glibc maps blocks: unset it"
    return None


def is_glibc() -> bool:
    """Whether the C library of this process is glibc."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") is not None
    except (ValueError, OSError):
        return False


def check_states(names: Iterable[str]) -> None:
    """Raise `UnknownNameError` for a state that does not exist."""
    for name in names:
        if name not in STATES:
            nearest = difflib.get_close_matches(name, STATES, n=1)
            raise UnknownNameError("allocator state", name, list(STATES), nearest[0] if nearest else None)


def in_states(scenario: ScenarioRecord, states: Iterable[str]) -> Iterator[ScenarioRecord]:
    """``scenario`` in each of ``states``; fresh where none is named."""
    for state in tuple(states) or (FRESH,):
        yield scenario if state == FRESH else _seasoned(scenario)


def _seasoned(scenario: ScenarioRecord) -> ScenarioRecord:
    return dataclasses.replace(
        scenario,
        id=f"{scenario.id}+{SEASONED}",
        title=f"{scenario.title}, {SEASONED} allocator",
        allocator=SEASONED,
    )
