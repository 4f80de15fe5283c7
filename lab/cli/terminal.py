"""Where output goes, and how: results to standard output, progress and complaints to standard error.

Rule: control characters only where a terminal reads them. Rich honours NO_COLOR by itself; FORCE_COLOR and
the like are left to colours and never turn a pipe into a terminal.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 240
"""Columns of a table in a pipe: wide enough that one row stays one line for grep."""


def is_terminal(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that understands cursor movement."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def console(stream: TextIO) -> Console:
    """A rich console on ``stream``: styled on a terminal, bare text elsewhere."""
    from rich.console import Console

    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a locale without µ shows ? instead
    if is_terminal(stream):
        return Console(file=stream, highlight=False, markup=False)
    return Console(
        file=stream, highlight=False, markup=False, force_terminal=False, color_system=None, width=PLAIN_WIDTH
    )


def duration(seconds: float) -> str:
    """``45 s``, ``2 min 50 s``, ``1 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, noun: str) -> str:
    """``1 round``, ``5 rounds``, ``1,500 samples``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def scenario_name(id: str) -> str:
    """A scenario's id without the checksum by which somebody's own programs differ: a run has one of them."""
    return re.sub(r",program=[0-9a-f]{8}\b", "", id)


def short(path: Path) -> str:
    """The path as a person would type it here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere; or there is no here any more
        return str(path)
