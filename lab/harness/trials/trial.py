"""What may harm the process it is in is tried in one of its own: the parent's side; `trying` is the child's.

Somebody's own loop may hang, print, or end its process; what a workload needs around it may change the
process for good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.harness.children import Child, ChildFailure, Children
from lab.harness.stuck import innermost_frame
from lab.harness.trials.conformance_checks import CHECKS
from lab.workloads.contract import Values
from lab.workloads.registry import WORKLOADS

TRIAL_S = 10.0
"""What is not done by then hangs, or is of no use for samples of a second."""


@dataclass
class Examination:
    """What came out of trying a loop."""

    unavailable: str | None = None
    """Why none can be made here, or what it did to its process; None: one can. Then follows the rest."""
    deviations: list[str] = field(default_factory=list)
    """What it does otherwise than `conformance` expects, each with the name of the check."""
    lacking: dict[str, str] = field(default_factory=dict)
    """By workload: what it calls that the loop does not implement. A workload may not be told like this; its
    samples will tell."""


def examine(name: str) -> Examination:
    """Have a loop of ``name`` made, checked and tried with every workload, in one process."""
    found = Examination()
    try:
        with Children(TRIAL_S) as children:
            job = {"subject": name, "core": None}
            child = children.start("trial", "lab.harness.trials.trying", job)
            meaning = f"{name} to make a loop that closes again"
            found.unavailable = children.expect(child, "tried", meaning)["reason"]
            if found.unavailable is None:
                _check(children, child, found)
                _begin_workloads(children, child, found)
    except (ChildFailure, OSError) as error:
        found.unavailable = _account(error)
    return found


def _check(children: Children, child: Child, found: Examination) -> None:
    """Hear of every check. One that hangs, or ends the process, is the last."""
    for each in CHECKS:
        try:
            deviation = children.expect(child, "checked", each.meaning)["deviation"]
        except ChildFailure as failure:
            found.deviations.append(f"{each.name}: {failure}")
            return
        if deviation:
            found.deviations.append(f"{each.name}: {deviation}")


def _begin_workloads(children: Children, child: Child, found: Examination) -> None:
    try:
        for name in WORKLOADS:
            lacking = children.expect(child, "begun", f"{name} to begin")["lacking"]
            found.lacking |= {name: lacking} if lacking else {}
    except ChildFailure:
        return


def without_surroundings(workload_name: str, values: Values) -> str | None:
    """Why what this workload must have around it cannot be had here; None: it can."""
    try:
        job = {"surroundings": workload_name, "values": dict(values)}
        return _tried(job, f"what {workload_name} needs to be set up")
    except (ChildFailure, OSError) as error:
        return _account(error)


def _tried(job: dict[str, Any], meaning: str) -> str | None:
    with Children(TRIAL_S) as children:
        child = children.start("trial", "lab.harness.trials.trying", job | {"core": None})
        return children.expect(child, "tried", meaning)["reason"]


def _account(error: ChildFailure | OSError) -> str:
    if not isinstance(error, ChildFailure):
        return f"expected to start a process to try it in, got: {error}"
    frame = innermost_frame(error.stderr_tail)
    return f"tried in a process of its own: {error}{f', at {frame}' if frame else ''}"
