"""Runs and samples: the only hinge between the harness that writes them and the reports that read them."""

from lab.results.load_records import CapacityRecord, LatencyRecord, OpenLoopRecord
from lab.results.program_records import BodyCheck, ProgramKind, ProgramRecord
from lab.results.records import (
    SCHEMA,
    Environment,
    NotRun,
    Run,
    RunRecord,
    Sample,
    ScenarioRecord,
    SubjectRecord,
    SyscallCount,
)
from lab.results.storage import (
    MICROBENCH_FILE,
    RUN_FILE,
    SAMPLES_FILE,
    SYSCALLS_FILE,
    append_sample,
    append_syscalls,
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
    "SYSCALLS_FILE",
    "BodyCheck",
    "CapacityRecord",
    "Environment",
    "LatencyRecord",
    "NotRun",
    "OpenLoopRecord",
    "ProgramKind",
    "ProgramRecord",
    "Run",
    "RunRecord",
    "Sample",
    "ScenarioRecord",
    "SubjectRecord",
    "SyscallCount",
    "append_sample",
    "append_syscalls",
    "from_json",
    "read_run",
    "to_json",
    "write_run",
]
