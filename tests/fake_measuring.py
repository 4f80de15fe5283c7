"""Measuring without sockets, processes or time: a `take_sample` and a catalogue of subjects from a script."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lab.errors import UnknownNameError
from lab.results import Environment, LatencyRecord, Sample, ScenarioRecord, SubjectRecord

COST_US = {"epoll": 7.0, "poll": 8.0, "select": 9.0, "asyncio": 20.0, "uvloop": 15.0, "floor": 5.4}


@dataclass
class FakeMeasure:
    """Stands in for `take_sample`. ``fails`` says which (subject, scenario) fail; an interrupt comes in place
    of the sample number ``interrupt_at``, an error of the disk in place of number ``disk_full_at``."""

    fails: Callable[[str, str], bool] = lambda subject, scenario: False
    interrupt_at: int | None = None
    disk_full_at: int | None = None
    cost_s: float = 1.0
    now_s: float = 0.0
    calls: list[dict[str, Any]] = field(default_factory=list)

    def clock(self) -> float:
        """A clock that each sample moves on by ``cost_s``."""
        return self.now_s

    def __call__(self, subject: SubjectRecord, scenario: ScenarioRecord, **how: Any) -> Sample:
        if len(self.calls) == self.interrupt_at:
            raise KeyboardInterrupt
        if len(self.calls) == self.disk_full_at:
            raise OSError(28, "No space left on device", "samples.jsonl")
        self.calls.append({"subject": subject, "scenario": scenario, **how})
        self.now_s += self.cost_s
        identity = {name: how[name] for name in ("round", "order", "warmup")}
        identity |= {
            "subject": subject.name,
            "scenario": scenario.id,
            "started_at": "2026-01-01T00:00:00+00:00",
        }
        if self.fails(subject.name, scenario.id):
            reason = "expected the reply to be what was sent, byte 7 differs"
            return Sample(
                **identity, status="failed", reason=reason, stderr_tail="Traceback\nBrokenPipeError"
            )
        return Sample(**identity, status="ok", **figures(subject, scenario, how["round"]))

    @property
    def cells(self) -> list[tuple[int, str, str]]:
        """Round, subject and scenario of each call."""
        return [(call["round"], call["subject"].name, call["scenario"].id) for call in self.calls]


def figures(subject: SubjectRecord, scenario: ScenarioRecord, round: int) -> dict[str, Any]:
    """What a good sample says: each subject has its price, each round is a little dearer than the last."""
    name = subject.twin_of or subject.name
    cpu_s = 10_000 * COST_US.get(name, 12.0) * (1 + round / 100) / 1e6
    latency = LatencyRecord(
        10_000, 50_000, 90_000.0, 80_000, 120_000, 200_000, 400_000, 900_000, (100_000,), (10_000,)
    )
    return {
        "window_s": 0.2,
        "operations": 10_000,
        "cpu_user_s": cpu_s * 0.4,
        "cpu_system_s": cpu_s * 0.6,
        "peak_rss_bytes": 20_000_000,
        "latency": latency if scenario.has_server else None,
        "load_cpu_s": 0.1 if scenario.has_server else None,
        "load_utilisation": 0.5 if scenario.has_server else None,
        "pinned": True,
    }


class FakeCatalogue:
    """Subjects from a script: which there are, which are missing, which cells cannot run."""

    CONTROL, FLOOR, twin_name = "asyncio", "floor", "asyncio-again"
    KINDS: ClassVar = {"asyncio": "comparison", "uvloop": "comparison", "floor": "floor"}

    def __init__(
        self,
        missing: dict[str, str] | None = None,
        blocked: Collection[tuple[str, str]] = (),
        strange: dict[str, str] | None = None,
    ) -> None:
        self._missing, self._blocked, self._strange = missing or {}, blocked, strange or {}

    def default_names(self) -> list[str]:
        return ["select", "poll", "epoll", "asyncio", "uvloop", "floor"]

    def describe(self, name: str) -> SubjectRecord:
        known = [*self.default_names(), "kqueue"]
        if name not in known and ":" not in name:
            raise UnknownNameError("subject", name, known)
        return SubjectRecord(name, self.KINDS.get(name, "mini-loop"), f"the {name}")

    def unavailable(self, name: str) -> str | None:
        return self._missing.get(name)

    def nonconforming(self, name: str) -> str | None:
        return self._strange.get(name)

    def cannot_run(self, name: str, scenario: ScenarioRecord, descriptor_limit: int) -> str | None:
        blocked = (name, scenario.workload) in self._blocked
        return f"{name} has no room for it in {descriptor_limit} descriptors" if blocked else None


def environment(**changes: Any) -> Environment:
    """A machine on which there is nothing to complain about."""
    fields: dict[str, Any] = {
        "captured_at": "2026-01-01T00:00:00+00:00",
        "system": "Linux 6.1 x86_64",
        "machine": "x86_64",
        "cpu_model": "Example CPU",
        "cores_logical": 4,
        "cores_usable": 4,
        "memory_bytes": 8 << 30,
        "governor": "performance",
        "virtualisation": "none",
        "load_average": (0.1, 0.1, 0.1),
        "descriptor_limit": 20_000,
        "descriptor_limit_hard": 20_000,
        "pinning": "server on core 1, load on core 0",
        "python": "CPython 3.12.1 (main, GCC)",
        "packages": {"uvloop": "0.21.0"},
        "muxlab": "0.1.0",
    }
    return Environment(**(fields | changes))
