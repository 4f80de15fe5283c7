"""The process in which something is tried (see `trial`). Having answered, it waits for its end."""

from __future__ import annotations

from typing import Any

from lab.errors import LabError
from lab.harness import subjects
from lab.harness.channel import Channel
from lab.workloads.registry import workload


def main() -> None:
    """Answer the job that comes on the standard input: why it cannot be done, or what is lacking."""
    channel = Channel()
    job = channel.start()
    try:
        channel.report("tried", reason=_reason(job))
        channel.command()
    except BaseException as error:
        channel.fail(error)


def _reason(job: dict[str, Any]) -> str | None:
    if "surroundings" in job:
        return _unable(job["surroundings"], job["values"])
    if "workload" in job:
        return subjects.lacking_here(job["subject"], job["workload"])
    return subjects.unavailable_here(job["subject"])


def _unable(workload_name: str, values: dict[str, int]) -> str | None:
    """Why this process cannot be given what the workload must have around it; None: it could be."""
    try:
        with workload(workload_name).surroundings(values):
            return None
    except LabError as error:
        return str(error)


if __name__ == "__main__":
    main()
