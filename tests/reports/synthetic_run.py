"""A made-up run whose answers are known: costs are set, noise is seeded, nothing is measured."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lab.results import (
    Environment,
    LatencyRecord,
    NotRun,
    Run,
    RunRecord,
    Sample,
    ScenarioRecord,
    SubjectRecord,
    append_sample,
    write_run,
)

CONTROL = "asyncio"
TWIN = "asyncio-again"

SUBJECTS = (
    SubjectRecord("select", "mini-loop", "mini-loop on select", "level"),
    SubjectRecord("poll", "mini-loop", "mini-loop on poll", "level"),
    SubjectRecord("epoll", "mini-loop", "mini-loop on epoll", "level"),
    SubjectRecord("epoll-et", "mini-loop", "mini-loop on epoll, edge-triggered", "edge"),
    SubjectRecord("selectors-epoll", "mini-loop", "mini-loop on selectors.EpollSelector", "level"),
    SubjectRecord(CONTROL, "comparison", "asyncio (stock loop)", control=True),
    SubjectRecord("uvloop", "comparison", "uvloop 0.23.0"),
    SubjectRecord("floor", "floor", "bare system calls"),
    SubjectRecord(TWIN, "comparison", "asyncio (stock loop), again", twin_of=CONTROL),
)

COSTS_US = {
    "select": 8.6,
    "poll": 7.9,
    "epoll": 7.1,
    "epoll-et": 7.1,
    "selectors-epoll": 9.6,
    CONTROL: 20.0,
    TWIN: 20.0,
    "uvloop": 15.0,
    "floor": 5.4,
}
"""True server CPU per operation where nothing is idle."""

SLOPE_US = {"select": 0.011, "poll": 0.008}
"""What each watched descriptor adds to it."""

CONNECTION_BYTES = 1536.0
"""What an idle connection takes on every subject."""

FAULTS = {CONTROL: 4.0, TWIN: 4.0, "uvloop": 2.0}


def echo(connections: int = 64, size: int = 1024) -> ScenarioRecord:
    return ScenarioRecord(
        id=f"echo-sockets[connections={connections},size={size}]",
        workload="echo-sockets",
        title=f"Echo over sockets, {connections} connections, {size // 1024 or size} "
        + ("KiB" if size >= 1024 else "B"),
        question="What does serving one request over a socket cost?",
        unit="request",
        load="closed",
        parameters={"connections": connections, "size": size},
        axis="connections",
        allocator="seasoned",
        labels=("One connection in ping-pong measures the scheduler's wake-up.",) if connections == 1 else (),
    )


def idle(idle: int) -> ScenarioRecord:
    return ScenarioRecord(
        id=f"idle[active=64,idle={idle},size=1024]",
        workload="idle",
        title=f"Active among idle, {idle:,} idle connections",
        question="What do idle connections cost the active ones?",
        unit="request",
        load="closed",
        parameters={"active": 64, "idle": idle, "size": 1024},
        axis="idle",
        allocator="seasoned",
    )


def ring(pairs: int) -> ScenarioRecord:
    return ScenarioRecord(
        id=f"ring[active=100,pairs={pairs},writes=1000]",
        workload="ring",
        title=f"Ring of socket pairs, {pairs:,} pairs",
        question="What does one event cost when many descriptors are watched?",
        unit="event",
        load="in-process",
        parameters={"active": 100, "pairs": pairs, "writes": 1000},
        axis="pairs",
        allocator="seasoned",
    )


QUICK = (echo(64), idle(10), idle(100), idle(1000), idle(5000), ring(100), ring(1000), ring(4000))

ENVIRONMENT = Environment(
    captured_at="2026-01-02T03:04:05+00:00",
    system="Linux 6.1.0 x86_64",
    machine="x86_64",
    cpu_model="Example CPU @ 3.00GHz",
    cores_logical=2,
    cores_usable=2,
    memory_bytes=8 * 2**30,
    governor=None,
    virtualisation="kvm",
    load_average=(0.12, 0.20, 0.15),
    descriptor_limit=20_000,
    descriptor_limit_hard=20_000,
    pinning="server on core 1, load on core 0",
    python="CPython 3.11.7 (main, GCC 12.2.0)",
    packages={"uvloop": "0.23.0"},
    muxlab="0.1.0",
)


@dataclass
class SyntheticRun:
    """Builds a run; every field can be changed before `build`."""

    subjects: tuple[SubjectRecord, ...] = SUBJECTS
    scenarios: tuple[ScenarioRecord, ...] = QUICK
    rounds: int = 5
    noise: float = 0.03
    drift: float = 0.05
    """How much slower the last round is than the first, as a share."""
    seed: int = 7
    costs_us: dict[str, float] = field(default_factory=lambda: dict(COSTS_US))
    not_run: tuple[NotRun, ...] | None = None
    keep_samples: int | None = None
    """Interrupt after this many."""
    status: str = "complete"

    def build(self) -> Run:
        rng = np.random.default_rng(self.seed)
        samples: list[Sample] = []
        for round_ in range(-1, self.rounds):
            cells = [(s, c) for s in self.subjects for c in self.scenarios if not self._unfit(s, c)]
            for index in rng.permutation(len(cells)):
                samples.append(self._sample(rng, *cells[index], round_, len(samples)))
        return Run(Path("synthetic"), self._record(), in_blocks(samples[: self.keep_samples]))

    def write(self, folder: Path) -> Run:
        run = dataclasses.replace(self.build(), folder=folder)
        write_folder(run)
        return run

    def _unfit(self, subject: SubjectRecord, scenario: ScenarioRecord) -> str | None:
        if subject.name == "select" and _watched(scenario) > 1000:
            return f"select watches descriptors below 1,024 only; this scenario needs {_watched(scenario):,}"
        return None

    def _record(self) -> RunRecord:
        unfit = [
            NotRun(subject.name, scenario.id, reason)
            for subject in self.subjects
            for scenario in self.scenarios
            if (reason := self._unfit(subject, scenario))
        ]
        absent = NotRun(
            "kqueue", None, "select.kqueue does not exist on Linux; it is there on macOS and the BSDs"
        )
        return RunRecord(
            id="2026-01-02-030405",
            muxlab="0.1.0",
            created_at="2026-01-02T03:04:05+00:00",
            profile="quick",
            seed=self.seed,
            rounds=self.rounds,
            warmup_rounds=1,
            duration_s=0.5,
            subjects=self.subjects,
            scenarios=self.scenarios,
            not_run=self.not_run if self.not_run is not None else (*unfit, absent),
            environment=ENVIRONMENT,
            command="muxlab bench --profile quick --seed 7",
            status=self.status,  # type: ignore[arg-type]
            finished_at="2026-01-02T03:07:05+00:00",
            warnings=("The frequency governor is unknown: clocks may change. Run on mains power.",),
        )

    def cost_us(self, subject: SubjectRecord, scenario: ScenarioRecord) -> float:
        """The true cost, before noise."""
        base = self.costs_us.get(subject.name, 12.0)
        if scenario.load == "in-process":
            base *= 0.3
        return base + SLOPE_US.get(subject.name, 0.0) * _watched(scenario)

    def _sample(
        self,
        rng: np.random.Generator,
        subject: SubjectRecord,
        scenario: ScenarioRecord,
        round_: int,
        order: int,
    ) -> Sample:
        slow = 1 + self.drift * max(round_, 0) / max(self.rounds - 1, 1)
        cost_us = self.cost_us(subject, scenario) * slow * math.exp(rng.normal(0, self.noise))
        operations = int(0.45e6 / cost_us) or 1
        cpu_s = operations * cost_us / 1e6
        faults = FAULTS.get(subject.name, 0.01)
        return Sample(
            subject=subject.name,
            scenario=scenario.id,
            round=round_,
            order=order,
            status="ok",
            started_at="2026-01-02T03:04:05+00:00",
            warmup=round_ < 0,
            window_s=0.5,
            operations=operations,
            cpu_user_s=cpu_s * 0.4,
            cpu_system_s=cpu_s * 0.6,
            minor_faults=int(operations * faults),
            voluntary_switches=operations // 50,
            involuntary_switches=2,
            peak_rss_bytes=int(22e6 + 1e6 * rng.random()),
            connection_bytes=CONNECTION_BYTES if scenario.workload == "idle" else None,
            setup_s=0.2,
            latency=_latency(rng, cost_us, _waiting(scenario)) if scenario.has_server else None,
            counters=_counters(subject, operations),
            load_cpu_s=0.4 if scenario.has_server else None,
            load_utilisation=0.8 if scenario.has_server else None,
            client_limited=subject.kind == "floor",
            pinned=True,
        )


def in_blocks(samples: list[Sample]) -> tuple[Sample, ...]:
    """The same, taken together by scenario and round."""
    blocks: dict[tuple[str, int], int] = {}
    for each in samples:
        blocks.setdefault((each.scenario, each.round), each.order)
    return tuple(dataclasses.replace(each, block=blocks[each.scenario, each.round]) for each in samples)


def write_folder(run: Run) -> None:
    """Write ``run`` as the harness would."""
    write_run(run.folder, run.record)
    for sample in run.samples:
        append_sample(run.folder, sample)


def _watched(scenario: ScenarioRecord) -> int:
    values = scenario.parameters
    return values.get("idle", 0) + values.get("active", 0) + 2 * values.get("pairs", 0)


def _waiting(scenario: ScenarioRecord) -> int:
    return scenario.parameters.get("active", scenario.parameters.get("connections", 0))


def _latency(rng: np.random.Generator, cost_us: float, waiting: int) -> LatencyRecord:
    base = cost_us * 1e3 / 0.9 * waiting * math.exp(rng.normal(0, 0.02))  # as Little's law has it
    p50, p90, p99, p999 = (int(base * factor) for factor in (1.0, 1.3, 2.2, 6.0))
    return LatencyRecord(1000, p50 // 2, base, p50, p90, p99, p999, p999 * 2, (p50, p999 * 2), (500, 500))


def _counters(subject: SubjectRecord, operations: int) -> dict[str, int] | None:
    if subject.kind != "mini-loop":
        return None
    changes = operations * 2 if subject.name == "selectors-epoll" else 0
    return {
        "waits": operations // 30,
        "events": operations,
        "interest_changes": changes,
        "would_block": 0,
        "callbacks": operations,
    }
