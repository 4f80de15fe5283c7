"""The process in which something is tried (see `trial`). Having answered, it waits for its end."""

from __future__ import annotations

from typing import Any

from lab.errors import LabError
from lab.harness import subjects
from lab.harness.channel import Channel
from lab.harness.trials import conformance
from lab.harness.trials.conformance_checks import CHECKS
from lab.workloads.registry import WORKLOADS, workload


def main() -> None:
    """Answer the job that comes on the standard input: why not; of a loop, what else there is to say."""
    channel = Channel()
    job = channel.start()
    try:
        reason = _reason(job)
        channel.report("tried", reason=reason)
        if "subject" in job and reason is None:
            _examine(channel, job["subject"])
        channel.command()
    except BaseException as error:
        channel.fail(error)


def _reason(job: dict[str, Any]) -> str | None:
    if "surroundings" in job:
        return _unable(job["surroundings"], job["values"])
    return subjects.unavailable_here(job["subject"])


def _examine(channel: Channel, name: str) -> None:
    """Report of each check and of each workload as soon as it is done: any may hang."""
    new_loop = subjects.factory(name)
    for each in CHECKS:
        channel.report("checked", deviation=conformance.deviation(new_loop, each))
    for workload_name in WORKLOADS:
        channel.report("begun", lacking=subjects.lacking_here(name, workload_name))


def _unable(workload_name: str, values: dict[str, int]) -> str | None:
    """Why this process cannot be given what the workload must have around it; None: it could be."""
    try:
        with workload(workload_name).surroundings(values):
            return None
    except LabError as error:
        return str(error)


if __name__ == "__main__":
    main()
