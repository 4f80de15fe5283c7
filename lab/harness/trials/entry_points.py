"""Loops that installed packages advertise: entry points of the group ``muxlab.subjects``.

    [project.entry-points."muxlab.subjects"]
    myloop = "mypackage.loops:new_event_loop"

Each names a callable that takes no arguments and makes a new loop. Here they are only read: no code of theirs
runs before its loop is tried, in a process of its own (`trial`).

Rule: what cannot be used is kept with its reason, and leaves all others alone. A name that muxlab has itself
is never taken over; of two packages that advertise the same name the first by the alphabet has it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "muxlab.subjects"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
"""What stands on a command line, in lists and in file names."""
_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Advertised:
    """One entry point: a subject's name, and where its loops are made."""

    name: str
    place: str
    """``module:factory``."""
    origin: str
    """The package and its version."""
    refused: str | None = None
    """Why it cannot be used; None: it can be tried."""


def read(taken: Collection[str], path: Iterable[str] | None = None) -> tuple[Advertised, ...]:
    """All entry points of the group, by name; ``taken`` names are refused. ``path``: where packages lie,
    None for ``sys.path``."""
    # Imported here: the measured process imports this module, and would wait 25 ms for it.
    from importlib import metadata

    where = {} if path is None else {"path": list(path)}
    found: dict[tuple[str, str, str], Advertised] = {}
    for distribution in metadata.distributions(**where):
        for each in _of(distribution):
            found.setdefault((each.name, each.origin, each.place), each)
    judged: list[Advertised] = []
    mine = dict.fromkeys(taken, "muxlab itself")
    for key in sorted(found):
        each = found[key]
        refused = each.refused or _refusal(each, mine)
        judged.append(Advertised(each.name, each.place, each.origin, refused))
        if refused is None:
            mine[each.name] = each.origin
    return tuple(judged)


def _of(distribution: Distribution) -> list[Advertised]:
    """What one distribution advertises. Damaged metadata is no reason to fail: it is said in its place."""
    origin = "a package without a name"
    try:
        about = distribution.metadata
        origin = f"{about['Name'] or 'a package without a name'} {about['Version'] or ''}".strip()
        points = distribution.entry_points
        return [Advertised(each.name, each.value, origin) for each in points if each.group == GROUP]
    except Exception as error:
        text = _text(distribution)
        reason = f"its entry points cannot be read: {type(error).__name__}: {error}"
        return [Advertised("?", "", origin, reason)] if GROUP in text else []


def _text(distribution: Distribution) -> str:
    """The file with its entry points, unread; empty if there is none, or nothing that can be read."""
    try:
        return distribution.read_text("entry_points.txt") or ""
    except Exception:
        return ""


def _refusal(each: Advertised, taken: dict[str, str]) -> str | None:
    if not _NAME.fullmatch(each.name):
        return "expected a name of letters, digits, '-', '_' and '.'"
    if not _PLACE.fullmatch(each.place):
        return f"expected module:factory, got {each.place!r}"
    if each.name in taken:
        return f"the name belongs to {taken[each.name]}; {each.place} can be selected by its place"
    return None
