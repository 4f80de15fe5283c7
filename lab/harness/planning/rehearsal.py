"""Somebody's own program is tried before the run: what is wrong with it is then said once, and at once.

Every sample would find the same, for each subject and round anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from lab.errors import LabError
from lab.harness.machine.cores import Cores
from lab.harness.planning import plan
from lab.harness.sampling import take_sample
from lab.results import RunRecord, Sample

WINDOW_S = 0.02
PRINTED_LINES = 20


def rehearse(record: RunRecord, cores: Cores, measure: Callable[..., Sample] = take_sample) -> None:
    """Take a short sample of the control under each request to somebody's own program; none is kept.

    Raises `LabError` with what went wrong and what the program printed last.
    """
    tried = {}
    for scenario in record.scenarios:
        if scenario.program is not None and record.control is not None:
            tried.setdefault(scenario.program, scenario)
    for scenario in tried.values():
        timing = dataclasses.replace(plan.timing(record, scenario), window_s=WINDOW_S, warmup_s=0.0)
        sample = measure(
            record.control,
            scenario,
            round=0,
            order=0,
            warmup=True,
            timing=timing,
            cores=cores,
            seed=record.seed,
        )
        if sample.status == "failed":
            raise LabError(
                f"your program failed on {record.control.name}, before the run: {sample.reason}"
                f"{_printed(sample.stderr_tail)}"
            )


def _printed(stderr_tail: str) -> str:
    """The last lines of what was printed, below the reason; a log of requests may have many."""
    lines = stderr_tail.splitlines()[-PRINTED_LINES:]
    return "\n\n" + "\n".join(lines) if lines else ""
