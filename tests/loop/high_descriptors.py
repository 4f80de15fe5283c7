"""Descriptors whose numbers are too high for select."""

from __future__ import annotations

import fcntl
import os
import resource

import pytest

TOO_HIGH = 1024
"""FD_SETSIZE on Linux and macOS: the first number that select cannot watch."""


def moved_up(fd: int) -> int:
    """Give ``fd`` a number from `TOO_HIGH` on; skips the test where the process may have no such number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= TOO_HIGH:
        os.close(fd)
        pytest.skip(f"this process may open {soft} descriptors; select can watch so many")
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, TOO_HIGH)
    os.close(fd)
    return high
