"""Names -> workloads, in order of importance: one line for each."""

from __future__ import annotations

import difflib

from lab.errors import UnknownNameError
from lab.workloads.callbacks import Callbacks
from lab.workloads.contract import Workload
from lab.workloads.echo import EchoBuffered, EchoProtocols, EchoSockets, EchoStreams
from lab.workloads.held import Held
from lab.workloads.idle import Idle
from lab.workloads.ring import Ring
from lab.workloads.timers import Timers

WORKLOADS: dict[str, Workload] = {
    each.name: each
    for each in (
        EchoSockets(),
        EchoProtocols(),
        EchoStreams(),
        EchoBuffered(),
        Idle(),
        Held(),
        Ring(),
        EchoStreams("tls"),
        EchoProtocols("tls"),
        EchoBuffered("tls"),
        EchoSockets("unix"),
        EchoProtocols("unix"),
        EchoBuffered("unix"),
        EchoStreams("unix"),
        Callbacks(),
        Timers(),
    )
}


def workload(name: str) -> Workload:
    """The workload called ``name``; raises `UnknownNameError` with the nearest match."""
    try:
        return WORKLOADS[name]
    except KeyError:
        nearest = difflib.get_close_matches(name, WORKLOADS, n=1)
        raise UnknownNameError("workload", name, list(WORKLOADS), nearest[0] if nearest else None) from None
