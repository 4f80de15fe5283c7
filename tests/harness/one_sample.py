"""One sample as the runner takes it, with windows that are small enough for a test."""

from __future__ import annotations

from lab.harness import subjects
from lab.harness.machine.cores import Cores
from lab.harness.sampling import Timing, choose_cores, take_sample
from lab.results import Sample, ScenarioRecord

TIMING = Timing(window_s=0.05, warmup_s=0.02, deadline_s=30)


def one_sample(
    subject: str,
    scenario: ScenarioRecord,
    *,
    timing: Timing = TIMING,
    cores: Cores | None = None,
    round: int = 0,
    order: int = 0,
    warmup: bool = False,
) -> Sample:
    """A sample of the subject of that name; on the cores that a run would choose, unless told which."""
    return take_sample(
        subjects.describe(subject),
        scenario,
        round=round,
        order=order,
        warmup=warmup,
        timing=timing,
        cores=cores or choose_cores(),
        seed=1,
    )


def unpinned(loads: int = 1) -> Cores:
    """No cores of anybody's own, for so many load processes."""
    return Cores(None, (None,) * loads, "not pinned")
