"""The pass that counts system calls by name: once for each cell, after the last round, never beside a sample.

Rules
- What is traced is never timed. A count is a record of its own (`SyscallCount`) in a file of its own, and has
  no field that a statistic of time could take up.
- The window is short, as counts hardly vary: it tells how many calls an operation needs, not how often.
- The A/A twin is the control once more and is not counted. Nor is an open loop: its schedule is one that a
  traced server cannot keep, and how often it waits would follow from that.
- A count that fails is kept with its reason; the pass goes on. What failed in every round is not tried.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.harness import strace
from lab.harness.events import CountFinished, CountingStarted, CountStarted, Event
from lab.harness.machine.cores import Cores
from lab.harness.planning import plan
from lab.harness.sampling import Timing, take_sample
from lab.results import RunRecord, ScenarioRecord, SubjectRecord, SyscallCount, append_syscalls
from lab.workloads.registry import workload

WINDOW_S = 0.2
"""At most; a run with shorter windows has them here too."""
START_S, DESCRIPTOR_S = 0.6, 250e-6
"""What tracing adds to a cell: the imports of two processes, and the calls that each descriptor needs."""
PATIENCE = 4
"""A traced cell has hung after this many times the deadline of one that is not."""

Count = Callable[..., SyscallCount]
"""The signature of `count_syscalls`."""


def decided(
    record: RunRecord,
    wish: bool | None,
    usual: bool,
) -> RunRecord:
    """``record`` with whether its system calls are counted, and if not, why.

    ``wish`` is what was asked for, None for what is ``usual`` under its profile. Raises `LabError` if they
    are asked for and cannot be counted here.
    """
    if wish is False:
        return dataclasses.replace(record, no_syscalls="--no-syscalls was given")
    if wish is None and not usual:
        reason = f"the profile {record.profile} leaves them out; --syscalls counts them"
        return dataclasses.replace(record, no_syscalls=reason)
    reason = strace.unavailable()
    if wish and reason:
        raise LabError(f"--syscalls cannot count system calls here: {reason}")
    return dataclasses.replace(record, syscalls=reason is None, no_syscalls=reason)


def pairs(record: RunRecord) -> list[plan.Pair]:
    """What is counted, in the order of the plan: every cell that can run, no twin and no open loop."""
    return [
        (subject, scenario)
        for subject, scenario in plan.pairs(record)
        if record.syscalls and not subject.twin_of and scenario.load != "open"
    ]


def estimate_s(record: RunRecord) -> float:
    """What the pass should take, in seconds; 0 where there is none."""
    return sum(_estimate_s(record, scenario) for _, scenario in pairs(record))


def count_syscalls(
    subject: SubjectRecord, scenario: ScenarioRecord, *, timing: Timing, cores: Cores, seed: int
) -> SyscallCount:
    """Trace ``subject`` once under ``scenario``, in processes of its own. Trouble is a count that failed."""
    with tempfile.TemporaryDirectory(prefix="muxlab-trace-") as folder:
        trace = Path(folder, "trace")
        sample = take_sample(
            subject,
            scenario,
            round=0,
            order=0,
            warmup=True,
            timing=timing,
            cores=cores,
            seed=seed,
            tracers=strace.tracers(trace),
        )
        identity = (subject.name, scenario.id)
        if sample.status == "failed":
            return SyscallCount(*identity, "failed", sample.started_at, sample.reason)
        try:
            with open(trace, encoding="utf-8", errors="replace") as lines:
                calls = strace.calls(lines)
        except (OSError, ValueError) as error:
            return SyscallCount(*identity, "failed", sample.started_at, str(error))
    if not sample.operations:
        reason = f"expected operations in the traced window of {timing.window_s:g} s, got none"
        return SyscallCount(*identity, "failed", sample.started_at, reason)
    return SyscallCount(*identity, "ok", sample.started_at, None, sample.operations, calls)


@dataclass(frozen=True)
class CountingPass:
    """How and where to count; ``earlier`` are the counts that the run has."""

    folder: Path
    cores: Cores
    on_event: Callable[[Event], None]
    count: Count = count_syscalls
    earlier: tuple[SyscallCount, ...] = ()

    def counts(self, record: RunRecord, skip: Collection[tuple[str, str]] = ()) -> Iterator[SyscallCount]:
        """Count every cell of ``record`` that has no good count yet; yield each once it is on the disk.

        ``skip``: subject and scenario of the cells that failed in every round.
        """
        done = {(each.subject, each.scenario) for each in self.earlier if each.status == "ok"} | set(skip)
        todo = [pair for pair in pairs(record) if (pair[0].name, pair[1].id) not in done]
        if todo:
            self.on_event(CountingStarted(len(todo), _left_s(record, todo)))
        for position, (subject, scenario) in enumerate(todo):
            left_s = _left_s(record, todo[position:])
            self.on_event(CountStarted(subject, scenario, position, len(todo), left_s))
            timing = _timing(record, scenario)
            counted = self.count(subject, scenario, timing=timing, cores=self.cores, seed=record.seed)
            append_syscalls(self.folder, counted)
            self.on_event(CountFinished(counted))
            yield counted


def _timing(record: RunRecord, scenario: ScenarioRecord) -> Timing:
    usual = plan.timing(record, scenario)
    return Timing(min(usual.window_s, WINDOW_S), usual.warmup_s, PATIENCE * usual.deadline_s)


def _left_s(record: RunRecord, todo: Sequence[plan.Pair]) -> float:
    return sum(_estimate_s(record, scenario) for _, scenario in todo)


def _estimate_s(record: RunRecord, scenario: ScenarioRecord) -> float:
    untraced_s = plan.cell_estimate_s(dataclasses.replace(record, duration_s=WINDOW_S), scenario)
    descriptors = workload(scenario.workload, scenario.program).server_descriptors(scenario.parameters)
    return untraced_s + START_S + descriptors * DESCRIPTOR_S
