"""What may harm the process it is in is tried in one of its own: the parent's side; `trying` is the child's.

Somebody's own loop may hang, print, or end its process; what a workload needs around it may change the
process for good.
"""

from __future__ import annotations

from typing import Any

from lab.harness.children import ChildFailure, Children
from lab.harness.stuck import innermost_frame
from lab.workloads.contract import Values

TRIAL_S = 10.0
"""What is not done by then hangs, or is of no use for samples of a second."""


def unavailable(name: str) -> str | None:
    """Why a loop of ``name`` cannot be made here, or what it did to its process; None: it can."""
    try:
        return _tried({"subject": name}, f"{name} to make a loop that closes again")
    except (ChildFailure, OSError) as error:
        return _account(error)


def lacking(name: str, workload_name: str) -> str | None:
    """What the workload calls that loops of ``name`` do not implement; None: nothing, or it cannot be told
    like this, and a sample will tell."""
    try:
        return _tried({"subject": name, "workload": workload_name}, f"{name} to begin {workload_name}")
    except (ChildFailure, OSError):
        return None


def without_surroundings(workload_name: str, values: Values) -> str | None:
    """Why what this workload must have around it cannot be had here; None: it can."""
    try:
        job = {"surroundings": workload_name, "values": dict(values)}
        return _tried(job, f"what {workload_name} needs to be set up")
    except (ChildFailure, OSError) as error:
        return _account(error)


def _tried(job: dict[str, Any], meaning: str) -> str | None:
    with Children(TRIAL_S) as children:
        child = children.start("trial", "lab.harness.trying", job | {"core": None})
        return children.expect(child, "tried", meaning)["reason"]


def _account(error: ChildFailure | OSError) -> str:
    if not isinstance(error, ChildFailure):
        return f"expected to start a process to try it in, got: {error}"
    frame = innermost_frame(error.stderr_tail)
    return f"tried in a process of its own: {error}{f', at {frame}' if frame else ''}"
