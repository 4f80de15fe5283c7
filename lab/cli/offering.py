"""``muxlab bench --rate``: the plan of a closed loop becomes that of an open one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from lab.cli import values
from lab.results import RunRecord, Sample

if TYPE_CHECKING:
    from lab.harness.machine.cores import Cores
    from lab.harness.planning.selection import Selection


def chosen(given: tuple[int | str, ...]) -> dict[str, object]:
    """What ``--rate`` says, as fields of a `Selection`; raises `click.BadParameter`."""
    if values.KNEE in given and len(set(given)) > 1:
        raise click.BadParameter("expected either knee or rates, got both", param_hint="--rate")
    is_knee = values.KNEE in given
    return {"knee": is_knee, "rates": () if is_knee else tuple(dict.fromkeys(given))}


def offered(
    record: RunRecord, selection: Selection, measure: Callable[..., Sample], cores: Cores
) -> RunRecord:
    """The plan at the rates that ``selection`` asks for, found by trials where it says so; raises `LabError`.

    Without any, it stays as it is. ``measure`` takes the trials, as `take_sample` does.
    """
    from lab.harness.planning import rates

    if not (selection.rates or selection.knee):
        return record
    record = rates.offerable_only(record, selection.workloads)
    if selection.knee:
        return _up_to_the_knee(record, measure, cores)
    return rates.with_rates(record, dict.fromkeys((each.id for each in record.scenarios), selection.rates))


def _up_to_the_knee(record: RunRecord, measure: Callable[..., Sample], cores: Cores) -> RunRecord:
    from lab.cli.terminal import console, counted, scenario_name
    from lab.harness.planning import capacity, rates

    out = console(sys.stderr)
    trials = counted(len(capacity.trials(record)) * capacity.TRIALS, "short trial")
    out.print(f"What can each subject serve? First {trials}, closed-loop.", soft_wrap=True)
    capacities = capacity.find_capacities(record, measure, cores)
    ladders = capacity.ladders(capacities)
    for id, steps in ladders.items():
        shown = ", ".join(f"{each:,}" for each in steps)
        out.print(f"Rates for {scenario_name(id)}: {shown} requests per second", soft_wrap=True)
    return replace(rates.with_rates(record, ladders), capacities=capacities)
