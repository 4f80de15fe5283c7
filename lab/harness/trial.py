"""Somebody's own loop is tried in a process of its own: it may hang, print, or end the process it is in.

The parent's side; `trying` is the child's.
"""

from __future__ import annotations

from lab.harness.children import ChildFailure, Children
from lab.harness.stuck import innermost_frame

TRIAL_S = 10.0
"""A loop that is not made and closed by then hangs, or is of no use for samples of a second."""


def unavailable(name: str) -> str | None:
    """Why a loop of ``name`` cannot be made here, or what it did to its process; None: it can."""
    try:
        return _tried(name, None, f"{name} to make a loop that closes again")
    except ChildFailure as failure:
        frame = innermost_frame(failure.stderr_tail)
        return f"tried in a process of its own: {failure}{f', at {frame}' if frame else ''}"
    except OSError as error:
        return f"expected to start a process to try it in, got: {error}"


def lacking(name: str, workload_name: str) -> str | None:
    """What the workload calls that loops of ``name`` do not implement; None: nothing, or it cannot be told
    like this, and a sample will tell."""
    try:
        return _tried(name, workload_name, f"{name} to begin {workload_name}")
    except (ChildFailure, OSError):
        return None


def _tried(name: str, workload_name: str | None, meaning: str) -> str | None:
    with Children(TRIAL_S) as children:
        job = {"subject": name, "workload": workload_name, "core": None}
        child = children.start("trial", "lab.harness.trying", job)
        return children.expect(child, "tried", meaning)["reason"]
