"""The load processes of one sample, seen as one load.

Each plays a part of the clients that the workload describes (`Clients.divided`), with payloads of its own.

Rules
- They connect one after the other, so that no more connects are under way at once than the listener's backlog
  takes; they warm up and run each slice of the window all together. `warm_up` returns when all are quiet,
  `run_slice` when all have finished, so what the server used in between belongs to exactly what all of them
  counted.
- Figures are added up, nothing is averaged. A slice lasts from the first one's beginning to the last one's
  end, by a clock that all processes of a system share (`time.perf_counter`). Percentiles are made of the raw
  latencies of all.
- What limits is a core, not a process: the shares of processes on one core are added up. A share is that of
  the time in which the process had work, which is its CPU time, but for open loops: they watch the clock.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lab.harness.children import Children
from lab.harness.latency import latency_record, read_raw
from lab.harness.load.clients import CONNECT_BATCH
from lab.harness.load.kept_schedule import open_loop_record
from lab.harness.slices import is_whole
from lab.results import LatencyRecord, OpenLoopRecord

ADDED_UP = ("operations", "lost", "load_cpu_s")
"""Figures of the report ``measured`` that are those of all processes and slices together."""


class Loads:
    """One or more load processes, started by making this; ``children`` ends them."""

    def __init__(self, children: Children, jobs: list[dict[str, Any]]) -> None:
        """Start a process for each of ``jobs``, whose ``raw`` differ."""
        self._children, self._jobs = children, jobs
        self._slices: list[list[dict[str, Any]]] = []
        roles = [f"load {number} of {len(jobs)}" for number in range(1, 1 + len(jobs))]
        self._processes = [
            children.start(role if len(jobs) > 1 else "load", "lab.harness.load.process", job)
            for role, job in zip(roles, jobs, strict=True)
        ]

    @property
    def connections(self) -> int:
        """Of all processes."""
        return sum(job["clients"]["connections"] for job in self._jobs)

    @property
    def first_batch(self) -> int:
        """How many connections there are once each has connected its first batch."""
        return sum(min(CONNECT_BATCH, job["clients"]["connections"]) for job in self._jobs)

    def connect(self, command: str) -> None:
        """Have each in turn connect what ``command`` stands for: an address for the first batch, all then."""
        for each in self._processes:
            each.send(command)
            self._children.expect(each, "connected", "the load to connect")

    def warm_up(self) -> bool:
        """Have all warm up and drain; whether each is pinned to its core."""
        return all(
            quiet["pinned"] for quiet in self._all("go on", "quiet", "the load to connect and warm up")
        )

    def take_up(self) -> None:
        """Have all work for a moment and drain: what comes next finds its code and data in the caches."""
        self._all("take up", "quiet", "the load to take up its work again")

    def run_slice(self) -> None:
        """Have all run the next slice of the window and drain."""
        self._slices.append(self._all("go", "measured", "the load to finish its window"))

    def close(self) -> None:
        """Have all close their connections."""
        self._all("close", "closed", "the load to close its connections")

    def are_through(self) -> bool:
        """Whether the slices make up the window."""
        return is_whole(self._window_s(), self._jobs[0])

    def measured(self) -> dict[str, Any]:
        """What they did in it, together, under the names of `lab.results.Sample`'s fields."""
        window_s = self._window_s()
        shares = [sum(each["busy_s"] for each in own) / window_s for own in zip(*self._slices, strict=True)]
        return {name: sum(each[name] for each in self._reports()) for name in ADDED_UP} | {
            "window_s": window_s,
            "load_utilisation": busiest_core([job["core"] for job in self._jobs], shares),
            "load_utilisations": tuple(shares),
            "latency": self._series("latency"),
            "open_loop": self._open_loop(window_s),
        }

    def _reports(self) -> Iterator[dict[str, Any]]:
        return itertools.chain.from_iterable(self._slices)

    def _window_s(self) -> float:
        """The slices' lengths, added up."""
        lengths_ns = (
            max(each["ended_ns"] for each in reports) - min(each["began_ns"] for each in reports)
            for reports in self._slices
        )
        return sum(lengths_ns) / 1e9

    def _all(self, command: str, event: str, meaning: str) -> list[dict[str, Any]]:
        """Tell all, then wait for all; the report of each."""
        for each in self._processes:
            each.send(command)
        return [self._children.expect(each, event, meaning) for each in self._processes]

    def _open_loop(self, window_s: float) -> OpenLoopRecord | None:
        """What became of the schedules; None for closed loops."""
        schedules = [each["schedule"] for each in self._reports() if each["schedule"]]
        if not schedules:
            return None
        return open_loop_record(schedules, window_s, self._series("uncorrected"), self._series("late"))

    def _series(self, name: str) -> LatencyRecord | None:
        return latency_record(read_raw(f"{job['raw']}{name}" for job in self._jobs))


def busiest_core(cores: list[int | None], shares: list[float]) -> float:
    """The largest sum of ``shares`` on one core; a process that is not pinned stands for itself."""
    by_core: defaultdict[object, float] = defaultdict(float)
    for number, (core, share) in enumerate(zip(cores, shares, strict=True)):
        by_core["unpinned", number if core is None else None, core] += share
    return max(by_core.values())
