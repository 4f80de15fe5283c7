"""Names -> workloads, in order of importance: one line for each."""

from __future__ import annotations

import difflib

from lab.errors import UnknownNameError
from lab.workloads.contract import Workload
from lab.workloads.echo_sockets import EchoSockets
from lab.workloads.idle import Idle
from lab.workloads.ring import Ring

WORKLOADS: dict[str, Workload] = {each.name: each for each in (EchoSockets(), Idle(), Ring())}


def workload(name: str) -> Workload:
    """The workload called ``name``; raises `UnknownNameError` with the nearest match."""
    try:
        return WORKLOADS[name]
    except KeyError:
        nearest = difflib.get_close_matches(name, WORKLOADS, n=1)
        raise UnknownNameError("workload", name, list(WORKLOADS), nearest[0] if nearest else None) from None
