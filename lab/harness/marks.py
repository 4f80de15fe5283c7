"""Where the window begins and ends, left in a trace of the measured process's system calls.

A mark is a system call that a loop never makes and that does nothing: access(2) of a name that is no file's.
strace prints names of files whole whatever else it shortens, so that `strace` finds the marks again. The
measured process makes them only when it is traced: in a sample that is timed there are none.
"""

from __future__ import annotations

import os
from typing import Literal

Mark = Literal["begin", "end"]

PREFIX = "muxlab-window"


def name(which: Mark, apart: bool) -> str:
    """What the mark asks for; ``apart``: the thread that asks is the harness's, and none of it is counted."""
    return f"{PREFIX}-{which}" + ("-apart" if apart else "")


def leave(which: Mark, *, apart: bool) -> None:
    """Make the system call that marks this moment."""
    os.access(name(which, apart), os.F_OK)
