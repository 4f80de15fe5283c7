"""Names -> workloads, in order of importance: one line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.errors import UnknownNameError
from lab.workloads.bulk import BulkDownload, BulkUpload
from lab.workloads.callbacks import Callbacks
from lab.workloads.churn import Churn
from lab.workloads.contract import Workload
from lab.workloads.dns import Dns
from lab.workloads.echo import EchoBuffered, EchoProtocols, EchoSockets, EchoStreams
from lab.workloads.fanout import Fanout
from lab.workloads.held import Held
from lab.workloads.http_keep_alive import Http
from lab.workloads.idle import Idle
from lab.workloads.idle_cpu import IdleCpu
from lab.workloads.mixed import Mixed
from lab.workloads.pipeline import Pipeline
from lab.workloads.ring import Ring
from lab.workloads.signals import Signals
from lab.workloads.split_writes import SplitWrites
from lab.workloads.subprocesses import Subprocesses
from lab.workloads.tasks import Tasks
from lab.workloads.timers import Timers
from lab.workloads.udp import Udp
from lab.workloads.wakeups import Wakeups

if TYPE_CHECKING:
    from lab.results import ProgramRecord

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
        Http(),
        Pipeline(),
        SplitWrites(),
        Churn(),
        BulkDownload(),
        BulkUpload(),
        Fanout(),
        Mixed(),
        Udp(),
        Callbacks(),
        Timers(),
        Tasks(),
        Wakeups(),
        Subprocesses(),
        Signals(),
        IdleCpu(),
        Dns(),
    )
}


def workload(name: str, program: ProgramRecord | None = None) -> Workload:
    """The workload called ``name``, or the one that is somebody's own ``program``.

    Raises `UnknownNameError` with the nearest match.
    """
    if program is not None:
        # Imported here: its records take as long as all that a server needs of the other workloads.
        from lab.workloads.own_program import OWN_PROGRAMS

        return OWN_PROGRAMS[program.kind](program)
    try:
        return WORKLOADS[name]
    except KeyError:
        raise UnknownNameError("workload", name, WORKLOADS) from None
