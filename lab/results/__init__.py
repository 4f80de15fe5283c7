"""Runs and samples: the only hinge between the harness that writes them and the reports that read them."""

from lab.results.records import (
    SCHEMA,
    Environment,
    LatencyRecord,
    NotRun,
    Run,
    RunRecord,
    Sample,
    ScenarioRecord,
    SubjectRecord,
)
from lab.results.storage import (
    MICROBENCH_FILE,
    RUN_FILE,
    SAMPLES_FILE,
    append_sample,
    from_json,
    read_run,
    to_json,
    write_run,
)

__all__ = [
    "MICROBENCH_FILE",
    "RUN_FILE",
    "SAMPLES_FILE",
    "SCHEMA",
    "Environment",
    "LatencyRecord",
    "NotRun",
    "Run",
    "RunRecord",
    "Sample",
    "ScenarioRecord",
    "SubjectRecord",
    "append_sample",
    "from_json",
    "read_run",
    "to_json",
    "write_run",
]
