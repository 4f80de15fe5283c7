"""What the measured process is seen to have used, by itself.

The facts of getrusage(2) that matter here
- User plus system time comes from the scheduler's own account, to the microsecond. The split between the two
  is sampled by its tick on most kernels and then scaled: over a short window trust the sum, not the split.
- On loopback the kernel does the receiver's TCP work on the sender's account: the server pays for delivering
  its replies, not for taking its requests in. It is the same for every subject.
- No garbage is collected and no freed memory given back for a reading: what a subject keeps, it keeps.
- ``ru_maxrss`` survives exec on Linux: a child starts with its parent's peak, which says nothing about the
  child. The peak is therefore read from /proc (``VmHWM``, which belongs to the new address space) where that
  exists. Elsewhere it is ``ru_maxrss``, in bytes on macOS and in KiB on the BSDs.
"""

from __future__ import annotations

import os
import resource
import sys

from lab.harness.measured.account import Account


def account(loop: object | None = None) -> Account:
    """What this process has used so far; with the ``counters`` of ``loop`` if it keeps any."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    counters = getattr(loop, "counters", None)
    return Account(
        cpu_s=used.ru_utime + used.ru_stime,
        user_s=used.ru_utime,
        system_s=used.ru_stime,
        minor_faults=used.ru_minflt,
        major_faults=used.ru_majflt,
        voluntary_switches=used.ru_nvcsw,
        involuntary_switches=used.ru_nivcsw,
        counters=dict(counters()) if callable(counters) else None,
    )


def resident_bytes(pid: int | None = None) -> int:
    """The resident size of this process (or another) now, exactly: pages that are mapped, code included.

    Linux keeps the sums in ``statm`` and ``VmRSS`` per processor and may be off by some hundred KiB; the
    rollup walks the page tables.
    """
    try:
        with open(f"/proc/{pid or 'self'}/smaps_rollup", encoding="ascii") as rollup:
            kibibytes = next(line.split()[1] for line in rollup if line.startswith("Rss:"))
    except (OSError, StopIteration):
        import psutil

        return psutil.Process(pid).memory_info().rss
    return int(kibibytes) * 1024


def open_descriptors() -> int:
    """How many descriptors this process has open, the one that looks them up included."""
    return len(os.listdir("/dev/fd"))


def peak_rss_bytes() -> int:
    """The highest resident size of this process so far."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            kibibytes = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return int(kibibytes) * 1024
