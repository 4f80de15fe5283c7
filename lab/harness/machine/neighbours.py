"""Whether another bench of this user runs on this machine: both would take the same cores, and disturb both.

Every bench holds a shared lock on one file in the folder for temporary files; who gets it exclusively is
alone. The system gives the lock back however the process ends. Where there can be no such file, nobody knows
and nothing is said. Other users' benches show as load only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def counted() -> Iterator[bool]:
    """Count as a running bench until the end of the block; whether there was another when it began."""
    descriptor = _open(mark())
    try:
        yield _share(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def running() -> bool:
    """Whether a bench runs now."""
    with counted() as others:
        return others


def mark() -> Path:
    """The file that is locked: one for all processes of this user. It stays."""
    return Path(tempfile.gettempdir(), f"muxlab-bench-{os.getuid()}.lock")


def _open(path: Path) -> int | None:
    # The folder is everybody's: a link that somebody else put there is not followed.
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None


def _share(descriptor: int | None) -> bool:
    """Take the lock together with the others; whether there are any."""
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        others = False
    except BlockingIOError:
        others = True
    except OSError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return others
