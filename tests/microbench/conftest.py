"""What a run folder keeps of the microbenchmarks: the figures, not every single timing."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Leave out the raw timings, a hundred megabytes that no report looks at."""
    for benchmark in output_json["benchmarks"]:
        benchmark["stats"].pop("data", None)
