"""Where the window begins and ends, left in a trace of the measured process's system calls.

A mark is a system call that a loop never makes and that does nothing: access(2) of a name that is no file's.
strace prints names of files whole whatever else it shortens, so that `strace` finds the marks again. The
measured process makes them only when it is traced: in a sample that is timed there are none.
"""

from __future__ import annotations

import os
from typing import Literal

Mark = Literal["begin", "end"]
Whose = Literal["own", "others", "started"]
"""Whose calls count between the marks: those of the process that leaves them; the same, but not those of the
thread that does, which is the harness's; those of the processes that it has started, and no others."""

PREFIX = "muxlab-window"


def leave(which: Mark, whose: Whose) -> None:
    """Make the system call that marks this moment."""
    os.access(f"{PREFIX}-{which}-{whose}", os.F_OK)
