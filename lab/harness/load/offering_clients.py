"""Clients that ask at a fixed rate, whatever the server does: the engine of open-loop load.

They connect, and check replies, as `asking_clients` or `requesting_clients` do. The schedule is `schedule`'s,
keeping it is `open_loop`'s; here a run is put together, and its raw times are handed on.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from lab.harness.load.asking_clients import AskingClients
from lab.harness.load.clients import Exchanged, LoadClients
from lab.harness.load.connecting import Address
from lab.harness.load.kept_schedule import kept
from lab.harness.load.open_loop import OpenLoop
from lab.harness.load.requesting_clients import RequestingClients
from lab.harness.load.schedule import arrivals_ns
from lab.workloads.clients import Offering, OfferingRequests

if TYPE_CHECKING:
    from lab.workloads.contract import Wire


class OfferingClients(LoadClients):
    """Connections to one server, and requests offered over them at a rate."""

    def __init__(
        self, address: Address, wire: Wire, described: Offering | OfferingRequests, seed: int
    ) -> None:
        super().__init__()
        self._described = described
        asking = AskingClients if isinstance(described, Offering) else RequestingClients
        self._asking = asking(address, wire, described, seed)
        self._chance = random.Random(f"{seed} {described.first}")

    def connect_some(self) -> int:
        return self._asking.connect_some()

    def run(self, seconds: float) -> Exchanged:
        window_ns = round(seconds * 1e9)
        due_ns = arrivals_ns(self._described.rate_per_s, seconds, self._chance)
        loop = OpenLoop(self._asking.connections, due_ns, window_ns, watches=self.own_core)
        loop.run()
        schedule = kept(loop, window_ns)
        self.latencies_ns = schedule.corrected_ns
        return Exchanged(
            loop.sent,
            max(window_ns, max(loop.done_ns)),
            busy_ns=max(loop.done_ns) - loop.idle_ns,
            series={"uncorrected": schedule.uncorrected_ns, "late": schedule.late_ns},
            schedule=schedule.totals,
        )

    def check_silence(self) -> None:
        self._asking.check_silence()

    def close(self) -> None:
        self._asking.close()
