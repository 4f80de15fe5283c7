"""The state of glibc's allocator in which a subject is measured: *seasoned* by one freed block, or *fresh*.

glibc takes every block above a threshold from the kernel (mmap) and gives it back when it is freed: page
faults and three system calls. The threshold begins at 128 KiB, and grows to the size of any such block that
is freed (mallopt(3), M_MMAP_THRESHOLD). So a loop that asks for large read buffers, as asyncio's transports
do with 256 KiB, has two prices. The dear one ends with the first client that leaves: the read that returns
the end of a stream frees its whole buffer.

Rule: the worker is seasoned, as a service is that lasts, unless a scenario says *fresh*. To season it, one
block of `SEASONING_BYTES` is freed before the loop is made. It is 1 MiB, the largest read that any loop here
asks for: from then on all of them come from the heap. glibc would follow up to 32 MiB, but no loop allocates
such blocks. With any other allocator this changes nothing. To keep it fresh, the heap's free end is given
back first (malloc_trim(3)): what fits there is not mapped either.

Pitfall: any of `FIXING_VARIABLES` in the environment, or such a tunable, fixes the threshold for good.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lab.errors import UnknownNameError

if TYPE_CHECKING:
    from lab.results import ProgramRecord, ScenarioRecord

SEASONED, FRESH = STATES = ("seasoned", "fresh")
"""In the order in which a run has them."""
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


def keep_fresh() -> None:
    """Give the heap's free end back to the kernel: a large block that fits there would not be mapped.

    How much room imports have left there differs with the Python, and with the length of a path.
    """
    if is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def cannot_be_fresh(program: ProgramRecord | None = None) -> str | None:
    """Why fresh is no state of its own here, or for ``program``, somebody's own; None: it is one."""
    if _is_command(program):
        return (
            "a command makes its own process, in whose allocator the lab has no say: it is measured as it is"
        )
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
            raise UnknownNameError("allocator state", name, STATES)


def in_states(scenario: ScenarioRecord, states: Iterable[str]) -> Iterator[ScenarioRecord]:
    """``scenario`` in each of ``states``, the seasoned one first; seasoned where none is named.

    The fresh one is marked in id and title. A command of somebody's own has no state that is known.
    """
    wanted = tuple(states) or (SEASONED,)
    if SEASONED in wanted:
        yield dataclasses.replace(scenario, allocator=None if _is_command(scenario.program) else SEASONED)
    if FRESH in wanted:
        yield _fresh(scenario)


def _fresh(scenario: ScenarioRecord) -> ScenarioRecord:
    return dataclasses.replace(
        scenario,
        id=f"{scenario.id}+{FRESH}",
        title=f"{scenario.title}, {FRESH} allocator",
        allocator=FRESH,
    )


def _is_command(program: ProgramRecord | None) -> bool:
    return program is not None and program.kind == "command"
