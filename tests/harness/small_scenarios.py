"""Every workload with values small enough to be tried in a test."""

from __future__ import annotations

from lab.results import ScenarioRecord
from lab.workloads.registry import workload

SMALL = {
    "idle": {"idle": 150, "active": 4, "size": 64},
    "held": {"idle": 150, "active": 4, "size": 64},
    "ring": {"pairs": 30, "active": 10, "writes": 50},
    "callbacks": {"chains": 10},
    "pipeline": {"connections": 4, "depth": 8, "size": 100},
    "churn": {"connections": 8},
    "fanout": {"subscribers": 8},
    "bulk-download": {"connections": 2, "size": 300_001},
    "mixed": {"connections": 8, "bulk": 2, "every": 4, "body": 100_001},
    "bulk-upload": {"connections": 2, "size": 300_001},
    "timers": {"armed": 100, "firing": 10},
    "tasks": {"pairs": 10, "switches": 10},
    "wakeups": {"threads": 2, "burst": 3},
    "subprocesses": {"concurrent": 2},
    "signals": {"kinds": 2},
    "idle-cpu": {"connections": 10},
    "dns": {"concurrent": 2, "source": 1},
}
SMALL_ECHO = {"connections": 8, "size": 1024}


def small_scenario(name: str) -> ScenarioRecord:
    """The scenario of workload ``name`` with small values."""
    return workload(name).scenario(**SMALL.get(name, SMALL_ECHO))
