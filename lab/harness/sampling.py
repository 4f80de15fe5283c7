"""One sample: start new processes, open and close the window, end them, and judge what they said.

The order is what makes the figures right. The load connects, warms up and drains; only then is the server's
first account read. The load runs a slice of the window and drains again; then comes the second account, and
so on until the slices make up the window. So the server's accounts hold exactly the requests that the load
counted and checked. The load may be several processes; `loads` makes them one.

A sample can wait while others have their turn (`blocks`): where its processes have been started, so that all
of a block start at once, on all cores, and where everything is at rest before a slice. There the core's speed
is measured (`yardstick`), as it is after each.

Trouble is a result: a crash, a hang or a wrong byte gives a sample that failed and says why. Only an
interrupt is passed on, once everything has been ended.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from lab.harness.children import Child, ChildFailure, Children, Tracers
from lab.harness.load.client_kinds import to_job
from lab.harness.load.kept_schedule import was_late
from lab.harness.loads import Loads
from lab.harness.machine.cores import Cores, choose_cores
from lab.harness.measured.listener import socket_path
from lab.harness.memory import ConnectionMemory
from lab.harness.planning.rates import clients_of
from lab.harness.resting import Rest
from lab.harness.slices import slice_s
from lab.harness.yardstick.laying import Readings, Yardstick
from lab.results import LatencyRecord, Sample, ScenarioRecord, SubjectRecord
from lab.workloads.contract import DrivenWorkload, InProcessWorkload, ServedWorkload
from lab.workloads.registry import workload

__all__ = ["Cores", "Timing", "choose_cores", "client_limited", "is_sliced", "sample_in_steps", "take_sample"]

Steps = Generator[None, None, Sample]
"""A sample under way: it yields once its processes are started, and where it is at rest before a slice; it
returns itself."""

LOAD_SATURATED = 0.90
"""A load that used this share of its core has no time left to wait for the server."""
SERVER_SLACK = 0.10
"""The server must have been less busy than the load by this share of a core before the load is called the
limit. In a closed loop both can be near their cores' limit, and then the server's throughput is its own."""
KEEPER_GRACE_S = 8.0
"""More than a keeper needs to ask somebody's program to end, and to end it."""


@dataclass(frozen=True)
class Timing:
    """The lengths of one sample, in seconds."""

    window_s: float
    warmup_s: float
    deadline_s: float
    """From the start of the processes to the end of the sample; beyond it the sample has failed."""


@dataclass(frozen=True)
class _Cell:
    """What one sample measures, and how."""

    subject: SubjectRecord
    scenario: ScenarioRecord
    timing: Timing
    cores: Cores
    seed: int
    tracers: Tracers | None = None
    yardstick: Yardstick | None = None

    def readings(self, exchanges: bool) -> Readings:
        """To be taken before and after each slice."""
        pinned = self.cores.server is not None and not self.tracers
        return Readings(self.yardstick if pinned else None, exchanges)

    @property
    def slice_s(self) -> float:
        """A slice's length: the window's where that is not cut."""
        cut = is_sliced(self.scenario) and not self.tracers
        return slice_s(self.timing.window_s, self._clients()) if cut else self.timing.window_s

    def _clients(self) -> int:
        """How many have something under way at once."""
        values = self.scenario.parameters
        return values.get("active", values.get("connections", 1)) if self.scenario.has_server else 1

    def server_job(self, path: str | None = None, folder: str | None = None) -> dict[str, Any]:
        program = self.scenario.program
        return {
            "program": asdict(program) if program else None,
            "python_path": os.environ.get("PYTHONPATH"),
            "folder": folder,
            "path": path,
            "subject": self.subject.place or self.subject.twin_of or self.subject.name,
            "workload": self.scenario.workload,
            "values": self.scenario.parameters,
            "allocator": self.scenario.allocator,
            "core": self.cores.server,
            "core_beside": next(iter(self.cores.loads), None),
            "window_s": self.timing.window_s,
            "slice_s": self.slice_s,
            "warmup_s": self.timing.warmup_s,
            "traced": bool(self.tracers),
        }

    def load_jobs(self, work: DrivenWorkload, folder: str) -> list[dict[str, Any]]:
        """One for each load process; raw figures go into files in ``folder``."""
        parts = clients_of(work, self.scenario).divided(len(self.cores.loads))
        return [
            {
                "clients": to_job(part),
                "wire": work.wire,
                "core": core,
                # A traced system call takes long: to look again and again would leave time for nothing else.
                "own_core": self.cores.has_own(number) and not self.tracers,
                "window_s": self.timing.window_s,
                "slice_s": self.slice_s,
                "warmup_s": self.timing.warmup_s,
                "seed": self.seed,
                "raw": os.path.join(folder, f"{number}-"),
            }
            for number, (part, core) in enumerate(zip(parts, self.cores.loads, strict=False))
        ]


def is_sliced(scenario: ScenarioRecord) -> bool:
    """Whether a window is cut into slices: not where it must not be interrupted."""
    return scenario.load != "open" and workload(scenario.workload, scenario.program).slices


def take_sample(subject: SubjectRecord, scenario: ScenarioRecord, **how: Any) -> Sample:
    """Measure ``subject`` once under ``scenario``, alone; ``how`` as for `sample_in_steps`."""
    steps = sample_in_steps(subject, scenario, **how)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def sample_in_steps(
    subject: SubjectRecord,
    scenario: ScenarioRecord,
    *,
    round: int,
    order: int,
    warmup: bool,
    timing: Timing,
    cores: Cores,
    seed: int,
    tracers: Tracers | None = None,
    yardstick: Yardstick | None = None,
) -> Steps:
    """Measure ``subject`` once under ``scenario``, in processes of its own.

    It yields once they are started, and at rest before each slice.

    ``seed`` makes the load's payloads. Always returns a sample, with status ``failed`` and its reason if
    anything went wrong; only what is no `Exception` (an interrupt) is raised. However the generator ends, all
    processes are ended first.

    With ``tracers`` the measured process leaves `marks`, and what the sample says of time is worth nothing.
    ``yardstick`` is laid on before and after each slice; without it the core's speed is not known.
    """
    identity = {
        "subject": subject.name,
        "scenario": scenario.id,
        "round": round,
        "order": order,
        "warmup": warmup,
        "started_at": datetime.now().astimezone().isoformat(timespec="milliseconds"),
    }
    cell = _Cell(subject, scenario, timing, cores, seed, tracers, yardstick)
    try:
        return Sample(**identity, status="ok", **(yield from _figures(cell)))
    except ChildFailure as failure:
        return Sample(**identity, status="failed", reason=str(failure), stderr_tail=failure.stderr_tail)
    except OSError as error:
        return Sample(**identity, status="failed", reason=f"expected to start the processes, got: {error}")


def client_limited(load_utilisation: float, server_utilisation: float) -> bool:
    """Whether the load was the limit: its core was full, while the server's had room."""
    return load_utilisation >= LOAD_SATURATED and server_utilisation <= load_utilisation - SERVER_SLACK


def _figures(cell: _Cell) -> Generator[None, None, dict[str, Any]]:
    work = workload(cell.scenario.workload, cell.scenario.program)
    if isinstance(work, DrivenWorkload):
        with (
            socket_path(work.wire) as path,
            tempfile.TemporaryDirectory(prefix="muxlab-raw-") as folder,
            Children(cell.timing.deadline_s, cell.tracers) as children,
        ):
            server = _start_server(children, work, cell.server_job(path, folder))
            loads = Loads(children, cell.load_jobs(work, folder))
            closes = work.closes and not cell.tracers  # a tracer makes thousands of closes take a minute
            return (yield from _served(children, server, loads, closes, cell.readings(exchanges=True)))
    if isinstance(work, InProcessWorkload):
        with Children(cell.timing.deadline_s, cell.tracers) as children:
            return (yield from _in_process(children, cell))
    raise TypeError(f"{work.name} is neither a served nor an in-process workload")


def _start_server(children: Children, work: DrivenWorkload, job: dict[str, Any]) -> Child:
    if isinstance(work, ServedWorkload):
        return children.start("server", "lab.harness.measured.worker", job)
    return children.start("server", "lab.harness.measured.keeper", job, KEEPER_GRACE_S)


def _served(
    children: Children, server: Child, loads: Loads, closes: bool, readings: Readings
) -> Generator[None, None, dict[str, Any]]:
    yield from children.rest()
    listening = children.expect(server, "listening", "the server to listen")
    memory = ConnectionMemory(children, server, loads)
    memory.open(listening["address"])
    loads_pinned = loads.warm_up()
    setup_s, starts_s, rest = children.elapsed_s(), [], Rest(server.pid)
    while not loads.are_through():
        with rest:
            yield from children.rest()
        readings.take()
        loads.take_up()
        starts_s.append(children.age_s())
        server.send("begin")
        children.expect(server, "begun", "the server to read its accounts")
        loads.run_slice()
        server.send("end")
        children.expect(server, "ended", "the server to read its accounts again")
        readings.take()
    server.send("tell")
    used = _without_event(children.expect(server, "used", "the server to tell what it used"))
    if closes:
        memory.close()
    measured = loads.measured()
    server_utilisation = (used["cpu_user_s"] + used["cpu_system_s"]) / measured["window_s"]
    limited = client_limited(measured["load_utilisation"], server_utilisation)
    return {
        **used,
        **measured,
        "setup_s": setup_s,
        "slice_starts_s": tuple(starts_s),
        **readings.figures(),
        **rest.figures(),
        **memory.figures(),
        "client_limited": limited or was_late(measured["open_loop"], measured["latency"]),
        "pinned": bool(listening["pinned"] and loads_pinned),
    }


def _in_process(children: Children, cell: _Cell) -> Generator[None, None, dict[str, Any]]:
    worker = children.start("server", "lab.harness.measured.worker", cell.server_job())
    yield from children.rest()
    children.expect(worker, "ready", "the workload to warm up")
    setup_s, starts_s, rest, whole = children.elapsed_s(), [], Rest(worker.pid), False
    readings = cell.readings(exchanges=False)
    while not whole:
        with rest:
            yield from children.rest()
        readings.take()
        starts_s.append(children.age_s())
        worker.send("go")
        whole = children.expect(worker, "ended", "the workload to finish its window")["whole"]
        readings.take()
    worker.send("tell")
    measured = children.expect(worker, "measured", "the workload to tell what it used")
    return _without_event(measured) | {
        "setup_s": setup_s,
        "slice_starts_s": tuple(starts_s),
        **readings.figures(),
        **rest.figures(),
        "latency": _latency(measured["latency"]),
    }


def _without_event(report: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in report.items() if name != "event"}
    return fields | {"slice_cpu_s": tuple(fields["slice_cpu_s"])}


def _latency(fields: dict[str, Any] | None) -> LatencyRecord | None:
    if fields is None:
        return None
    edges, counts = tuple(fields["bucket_upper_ns"]), tuple(fields["bucket_counts"])
    return LatencyRecord(**fields | {"bucket_upper_ns": edges, "bucket_counts": counts})
