"""Scenarios at an offered rate: the same work, but open-loop.

Rules
- A rate belongs to the scenario, and stands in its id: what is paired, resumed and compared is one rate.
- Only requests that go one at a time over connections kept open can be offered at a rate. What else clients
  do (send several at once, connect anew, wait for one another) is closed-loop by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace

from lab.errors import LabError
from lab.results import NotRun, RunRecord, ScenarioRecord
from lab.workloads.clients import Asking, Clients, Offering, OfferingRequests, Requesting
from lab.workloads.contract import DrivenWorkload, Workload
from lab.workloads.registry import WORKLOADS, workload

MAX_RATE_PER_S = 1_000_000
MAX_ARRIVALS = 5_000_000
"""Requests of one window, each of which leaves four times in the load's memory; and those are sorted."""

OFFERED: dict[type[Clients], type[Clients]] = {Asking: Offering, Requesting: OfferingRequests}
"""Clients of a closed loop, and those that send the same at a rate."""

LATENCY = "intended send to reply"


def can_be_offered(work: Workload) -> bool:
    """Whether the workload's requests can be sent by a schedule."""
    defaults = {each.name: each.default for each in work.parameters}
    return isinstance(work, DrivenWorkload) and type(work.clients(defaults)) in OFFERED


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


def offerable_only(record: RunRecord, asked_for: Collection[str]) -> RunRecord:
    """The plan without the workloads that cannot be offered a rate, and a warning that names them.

    Raises `LabError` where one of them was asked for by name, or nothing else is left.
    """
    names = {each.workload: workload(each.workload, each.program) for each in record.scenarios}
    unfit = [name for name, work in names.items() if not can_be_offered(work)]
    if any(name in asked_for for name in unfit) or len(unfit) == len(names):
        fit = ", ".join(name for name, each in WORKLOADS.items() if can_be_offered(each))
        raise LabError(
            f"expected workloads that can be offered a rate, got {', '.join(unfit)}: select among {fit}, or "
            "leave --rate out"
        )
    if not unfit:
        return record
    kept = tuple(each for each in record.scenarios if each.workload not in unfit)
    ids = {each.id for each in kept}
    return replace(
        record,
        scenarios=kept,
        not_run=tuple(each for each in record.not_run if each.scenario is None or each.scenario in ids),
        warnings=(*record.warnings, f"Left out, as they cannot be offered a rate: {', '.join(unfit)}."),
    )


def with_rates(record: RunRecord, rates: Mapping[str, Sequence[int]]) -> RunRecord:
    """The plan with each scenario at each of its ``rates``, by id; `LabError` for one out of bounds."""
    for rate_per_s in (each for chosen in rates.values() for each in chosen):
        check_rate(rate_per_s, record.duration_s)
    left_out = [
        replace(each, scenario=at_rate(scenario, rate).id)
        for scenario in record.scenarios
        for each in record.not_run
        if each.scenario == scenario.id
        for rate in rates[scenario.id]
    ]
    missing: list[NotRun] = [each for each in record.not_run if each.scenario is None]
    return replace(
        record,
        scenarios=tuple(at_rate(each, rate) for each in record.scenarios for rate in rates[each.id]),
        not_run=(*missing, *left_out),
    )


def check_rate(rate_per_s: int, duration_s: float) -> None:
    """Raise `LabError` for a rate that no load here can offer, or that makes too many requests."""
    if not 1 <= rate_per_s <= MAX_RATE_PER_S:
        raise LabError(
            f"expected a rate of 1 to {MAX_RATE_PER_S:,} requests per second, got {rate_per_s:,}: "
            "give --rate as 20000 or 20k"
        )
    if rate_per_s * duration_s > MAX_ARRIVALS:
        raise LabError(
            f"expected at most {MAX_ARRIVALS:,} requests in a window, got {rate_per_s:,} a second for "
            f"{duration_s:g} s: lower --rate or --duration"
        )


def clients_of(work: DrivenWorkload, scenario: ScenarioRecord) -> Clients:
    """What the load of ``scenario`` is to be."""
    described = work.clients(scenario.parameters)
    if scenario.rate_per_s is None:
        return described
    if type(described) not in OFFERED:
        raise TypeError(f"{work.name} cannot be offered a rate: its clients are {described.kind}")
    values = {each.name: getattr(described, each.name) for each in fields(described)}
    return OFFERED[type(described)](**values, rate_per_s=scenario.rate_per_s)
