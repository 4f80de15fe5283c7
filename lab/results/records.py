"""What a run is, as typed, frozen records: the words that measuring and judging share.

Rules: standard library only; units stand in the names; None means that the system would not say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.results.load_records import CapacityRecord, LatencyRecord, OpenLoopRecord
from lab.results.program_records import ProgramRecord

SCHEMA = 1
"""Raised when a record changes so that an older muxlab would misread it."""

SubjectKind = Literal["mini-loop", "comparison", "floor", "custom"]
SampleStatus = Literal["ok", "failed"]
AllocatorState = Literal["fresh", "seasoned"]
RunStatus = Literal["running", "complete", "interrupted"]


@dataclass(frozen=True)
class SubjectRecord:
    """One thing that is measured: a loop on a backend, or the floor."""

    name: str
    """As on the command line; unique in a run. The A/A twin is called ``<control>-again``."""
    kind: SubjectKind
    label: str
    """For people: ``mini-loop on epoll``, ``uvloop 0.23.0``."""
    trigger: str | None = None
    """``level`` or ``edge``, where it is known."""
    control: bool = False
    """Ratios are taken against this subject; exactly one a run."""
    twin_of: str | None = None
    """Set on the A/A twin only: the control's name, measured a second time under this record's name."""
    place: str | None = None
    """Where its loops are made, ``module:factory``, if the name does not say it."""
    fails: str | None = None
    """The check of conformance that it fails, if it was timed nevertheless."""


@dataclass(frozen=True)
class ScenarioRecord:
    """A workload with its parameters and load model."""

    id: str
    """``echo-sockets[connections=64,size=1024]``; unique in a run."""
    workload: str
    title: str
    """For people: ``Echo over sockets, 64 connections, 1 KiB``."""
    question: str
    """What the workload answers, one sentence."""
    unit: str
    """What one operation is: ``request``, ``event``, ``timer`` ... Figures are per unit."""
    load: Literal["closed", "open", "in-process"]
    """``closed``: a separate load, whose clients wait for their replies. ``open``: one that keeps a schedule,
    whether or not replies come. ``in-process``: the workload drives itself."""
    parameters: dict[str, int]
    axis: str | None = None
    """The parameter along which this workload is scaled (``idle``, ``pairs``), for the scaling curve."""
    labels: tuple[str, ...] = ()
    """Warnings that hold for every sample, e.g. that one connection measures the scheduler's wake-up."""
    latency: str = "round trip"
    """What the samples' latencies are the time of, for people."""
    paced: bool = False
    """The workload, or the load, keeps a pace of its own: the throughput says nothing of the subject."""
    rate_per_s: int | None = None
    """Open loops: how many requests are offered in a second. It is no parameter of the workload."""
    allocator: AllocatorState | None = "fresh"
    """When the measured loop is made, has the process once freed a block that glibc's allocator had mapped?
    ``seasoned``: it has, and large blocks are nearly free since; ``fresh``: it has not, as in all runs from
    before this field. None: nobody knows, for it is a command of somebody's own, measured as it is."""
    program: ProgramRecord | None = None
    """Somebody's own program, which is then what is served; None: the workload's own server."""

    @property
    def work(self) -> str:
        """The workload, for people: ``echo-sockets``, ``your program: uvicorn app:app``."""
        return f"your program: {self.program.name}" if self.program else self.workload

    @property
    def has_server(self) -> bool:
        """A separate load drives a server over sockets."""
        return self.load != "in-process"


@dataclass(frozen=True)
class NotRun:
    """A cell that cannot run here, and why: a row in the report, never a gap."""

    subject: str
    scenario: str | None
    """None: the subject cannot run at all on this machine."""
    reason: str


@dataclass(frozen=True)
class Sample:
    """One measurement of one subject under one scenario in one round."""

    subject: str
    scenario: str
    round: int
    """From 0. Ratios are paired by it. Warm-up rounds are marked by ``warmup`` and number from -1 down."""
    order: int
    """The position within the run, from 0, in which the sample was taken."""
    status: SampleStatus
    started_at: str
    """ISO 8601 with offset."""
    warmup: bool = False
    reason: str | None = None
    """Why the sample failed: what was expected, what came."""
    stderr_tail: str | None = None
    """The last lines of the failed process's standard error."""
    window_s: float = 0.0
    """Wall time of the measured window."""
    operations: int = 0
    """Verified units (requests, events, timers) done in the window, all inside the server's accounting."""
    lost: int = 0
    """Datagrams of the window that no reply came to in time; they are no operations."""
    cpu_user_s: float = 0.0
    """The server process over the window, as are all of the following up to the peak memory (getrusage)."""
    cpu_system_s: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    peak_rss_bytes: int = 0
    """The server's highest resident size up to the window's end."""
    connection_bytes: float | None = None
    """What each further open connection added to the server's resident size: the subject's objects and
    buffers, not the kernel's. None where there were too few connections to tell, or none."""
    kept_connection_bytes: float | None = None
    """The same once all have been closed: what the server keeps of it, and of what the window added."""
    block: int | None = None
    """The block in which it was taken together with others, their slices alternating: the least ``order`` in
    it. None: taken alone."""
    setup_s: float = 0.0
    """From starting the processes to the window: imports, connecting, warm-up."""
    latency: LatencyRecord | None = None
    """None for workloads that take none. Of open loops it runs from the intended send."""
    open_loop: OpenLoopRecord | None = None
    """Of open loops only."""
    counters: dict[str, int] | None = None
    """The mini-loop's own counts over the window (``waits``, ``events``, ``interest_changes``,
    ``would_block`` ...); None for other subjects."""
    load_cpu_s: float | None = None
    """CPU time of all load processes over the window, without what went into looking for replies that had not
    come yet; None for in-process workloads."""
    load_utilisation: float | None = None
    """The share of the window, 0 to 1, that the load took of its busiest core. The time in which it watches
    for the next reply, or for its next send, is not in it."""
    load_utilisations: tuple[float, ...] = ()
    """What each load process took of a core, one entry for each. Empty: no load, or taken before there could
    be several."""
    slice_cpu_s: tuple[float, ...] = ()
    """The server's CPU time in each slice of the window, in order; their sum is `cpu_s`. Empty: taken before
    there were slices."""
    slice_starts_s: tuple[float, ...] = ()
    """When each slice began, in seconds from ``started_at``: those of other samples lie in between. Empty:
    taken before they alternated, and then the slices follow one another."""
    rest_s: float = 0.0
    """How long the measured process was at rest, while the others of its block had the turn."""
    rest_cpu_s: float = 0.0
    """CPU seconds that it used in that time, and that are in no slice of it: nothing, where a loop blocks."""
    yardstick_ns: tuple[int, ...] = ()
    """How long a fixed piece of work took on the server's core before and after each slice, two readings a
    slice; in older runs one more than there are slices, as two shared the one between them. Empty where the
    server was not bound to a core."""
    exchange_ns: tuple[int, ...] = ()
    """How much CPU time a fixed number of messages to the load's core and back took on the server's, at the
    same moments. Empty: taken before there were such readings, or nothing was exchanged with a load."""
    client_limited: bool = False
    """The load was the limit: throughput and latency say little about the server."""
    pinned: bool = False
    """Server and load were bound to different cores (an in-process workload: to one)."""

    @property
    def cpu_s(self) -> float:
        """User and system CPU seconds of the server over the window."""
        return self.cpu_user_s + self.cpu_system_s

    @property
    def cpu_us_per_operation(self) -> float:
        """Server CPU microseconds per unit, as it was accounted. NaN when nothing was completed."""
        return self.cpu_s / self.operations * 1e6 if self.operations else float("nan")


@dataclass(frozen=True)
class SyscallCount:
    """The system calls of one subject under one scenario, from a pass that is traced and never timed."""

    subject: str
    scenario: str
    status: SampleStatus
    started_at: str
    """ISO 8601 with offset."""
    reason: str | None = None
    """Why counting failed: what was expected, what came."""
    operations: int = 0
    """Verified units of the traced window."""
    calls: dict[str, int] = field(default_factory=dict)
    """How often each system call began in the window, by the kernel's name for it."""


@dataclass(frozen=True)
class Environment:
    """The machine and software, as captured when the run began. None: the system would not say."""

    captured_at: str
    system: str
    """``Linux 6.18.44 x86_64``."""
    machine: str
    cpu_model: str | None
    cores_logical: int
    cores_usable: int
    """What the process may run on (affinity)."""
    memory_bytes: int | None
    governor: str | None
    """The CPU frequency governor."""
    virtualisation: str | None
    load_average: tuple[float, float, float] | None
    descriptor_limit: int
    """The soft limit after the lab raised it as far as it may."""
    descriptor_limit_hard: int
    pinning: str
    """``server on core 1, load on core 0``, or why there is none."""
    python: str
    """``CPython 3.11.7 (main, GCC 12.2.0)``."""
    packages: dict[str, str]
    """Versions that matter to the result: uvloop, and every subject's package."""
    muxlab: str
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """``run.json``: the plan of a run, its machine and how it ended."""

    id: str
    """The folder's name, a time stamp by default."""
    muxlab: str
    created_at: str
    profile: str
    seed: int
    rounds: int
    warmup_rounds: int
    duration_s: float
    """The length of each measured window."""
    subjects: tuple[SubjectRecord, ...]
    scenarios: tuple[ScenarioRecord, ...]
    not_run: tuple[NotRun, ...]
    environment: Environment
    command: str
    """The command line that repeats the run."""
    status: RunStatus = "running"
    finished_at: str | None = None
    warnings: tuple[str, ...] = ()
    """What the lab noticed about the machine or the run, each with its likely cause and what to do."""
    precision: float | None = None
    """The wish that rounds be added until the interval of every ratio to the control is narrower than this
    share of the ratio; ``rounds`` grows with each."""
    max_time_s: float | None = None
    """No round is begun that would end beyond so much measuring; ``rounds`` shrinks to those taken."""
    measured_s: float = 0.0
    """Time of measuring so far, over all parts of the run."""
    capacities: tuple[CapacityRecord, ...] = ()
    """The trials that the offered rates were chosen by; empty where they were given or there are none."""
    load_processes: int = 1
    """Into how many processes the load of a sample is divided, where its clients can be."""
    stopped: str | None = None
    """Why there are as many rounds as there are, where precision or time decided: what follows "because"."""
    syscalls: bool = False
    """Whether system calls are counted once all rounds are taken."""
    no_syscalls: str | None = None
    """Why they are not; None where they are, and in runs of before they could be."""
    schema: int = SCHEMA

    @property
    def control(self) -> SubjectRecord | None:
        """The subject that ratios are taken against; None if it cannot run here."""
        return next((subject for subject in self.subjects if subject.control), None)


@dataclass(frozen=True)
class Run:
    """A run as read back: the record, its samples, and the microbenchmarks' JSON if there is one."""

    folder: Path
    record: RunRecord
    samples: tuple[Sample, ...]
    microbench: dict[str, Any] | None = None
    damage: tuple[str, ...] = ()
    """Each line that could not be read and was left out: its file, its number, what is wrong."""
    syscalls: tuple[SyscallCount, ...] = ()
    """Of a cell that was tried again the last one counts."""
