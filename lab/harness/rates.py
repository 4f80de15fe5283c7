"""Scenarios at an offered rate: the same work, but open-loop.

Rules
- A rate belongs to the scenario, and stands in its id: what is paired, resumed and compared is one rate.
- Only requests that go one at a time over connections kept open can be offered at a rate. What else clients
  do (send several at once, connect anew, wait for one another) is closed-loop by itself.
"""

from __future__ import annotations

from dataclasses import fields, replace

from lab.results import ScenarioRecord
from lab.workloads.clients import Asking, Clients, Offering
from lab.workloads.contract import ServedWorkload, Workload

MAX_RATE_PER_S = 1_000_000
MAX_ARRIVALS = 10_000_000
"""Requests of one window: each leaves four times in the load's memory."""

LATENCY = "intended send to reply"


def can_be_offered(work: Workload) -> bool:
    """Whether the workload's requests can be sent by a schedule."""
    defaults = {each.name: each.default for each in work.parameters}
    return isinstance(work, ServedWorkload) and type(work.clients(defaults)) is Asking


def at_rate(scenario: ScenarioRecord, rate_per_s: int) -> ScenarioRecord:
    """``scenario`` with its requests offered at ``rate_per_s``, whether or not replies come."""
    return replace(
        scenario,
        id=f"{scenario.id}@{rate_per_s}",
        title=f"{scenario.title}, {rate_per_s:,} offered/s",
        load="open",
        latency=LATENCY,
        paced=True,
        rate_per_s=rate_per_s,
    )


def clients_of(work: ServedWorkload, scenario: ScenarioRecord) -> Clients:
    """What the load of ``scenario`` is to be."""
    described = work.clients(scenario.parameters)
    if scenario.rate_per_s is None:
        return described
    if not isinstance(described, Asking):
        raise TypeError(f"{work.name} cannot be offered a rate: its clients are {described.kind}")
    values = {each.name: getattr(described, each.name) for each in fields(described)}
    return Offering(**values, rate_per_s=scenario.rate_per_s)
