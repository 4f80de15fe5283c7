"""What the subjects can serve, found by short trials, and the offered rates that lead up to it.

Rules
- A trial is an ordinary closed-loop sample with a short window, before the rounds; it is no result, but it is
  kept with the plan, since the rates were chosen by it. The best of `TRIALS` counts: whatever disturbs one
  makes it slower.
- The rates are the same for all subjects of a scenario, so that each is compared with the others at an equal
  load. They rise in equal steps, from half of what the slowest served to a little more than the fastest did.
- The floor and the twin take no part: the ladder leads to the knees of the loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from lab.errors import LabError
from lab.harness.machine.cores import Cores
from lab.harness.planning import plan
from lab.results import CapacityRecord, RunRecord, Sample

TRIALS, TRIAL_WINDOW_S = 2, 0.3
BEGINS, ENDS = 0.5, 1.15
"""The first and last rate as shares of the smallest and of the largest capacity."""
STEP = 1.2
"""No rate is more than this many times the one below it, as long as `RATES_AT_MOST` allow it."""
RATES_AT_MOST = 14


def trials(record: RunRecord) -> list[plan.Pair]:
    """Whose capacity is to be found, and where."""
    return [pair for pair in plan.pairs(record) if pair[0].kind != "floor" and not pair[0].twin_of]


def find_capacities(
    record: RunRecord, measure: Callable[..., Sample], cores: Cores
) -> tuple[CapacityRecord, ...]:
    """Take every trial; raises `LabError` where no subject could serve a scenario."""
    found: dict[tuple[str, str], CapacityRecord] = {}
    reasons: dict[str, str | None] = {}
    for order, (subject, scenario) in enumerate(trials(record) * TRIALS):
        timing = replace(plan.timing(record, scenario), window_s=TRIAL_WINDOW_S)
        how = {"timing": timing, "cores": cores, "seed": record.seed + order}
        sample = measure(subject, scenario, round=-1, order=order, warmup=True, **how)
        per_s = sample.operations / sample.window_s if sample.status == "ok" else 0.0
        capacity = CapacityRecord(subject.name, scenario.id, per_s, sample.client_limited)
        pair = subject.name, scenario.id
        found[pair] = max(found.get(pair, capacity), capacity, key=lambda each: each.per_s)
        reasons[scenario.id] = sample.reason
    served = {each.scenario for each in found.values() if each.per_s}
    for scenario_id in reasons.keys() - served:
        raise LabError(
            f"expected a subject that serves {scenario_id}, got none in a trial: {reasons[scenario_id]}"
        )
    return tuple(found.values())


def ladders(capacities: Sequence[CapacityRecord]) -> dict[str, tuple[int, ...]]:
    """The offered rates of each scenario, by id."""
    by_scenario: dict[str, list[float]] = {}
    for each in capacities:
        by_scenario.setdefault(each.scenario, []).append(each.per_s)
    return {scenario: ladder([each for each in found if each]) for scenario, found in by_scenario.items()}


def ladder(per_s: Sequence[float]) -> tuple[int, ...]:
    """Rates in equal steps, rounded to two digits, that lead past every capacity in ``per_s``."""
    bottom, top = BEGINS * min(per_s), ENDS * max(per_s)
    steps = min(math.ceil(math.log(top / bottom, STEP)), RATES_AT_MOST - 1)
    rates = (bottom * (top / bottom) ** (number / steps) for number in range(steps + 1))
    return tuple(sorted({max(1, _two_digits(rate)) for rate in rates}))


def _two_digits(rate: float) -> int:
    unit = 10 ** max(0, math.floor(math.log10(max(rate, 1))) - 1)
    return round(rate / unit) * unit
