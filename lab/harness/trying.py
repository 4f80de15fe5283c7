"""The process in which somebody's own loop is tried (see `trial`). Having answered, it waits for its end."""

from __future__ import annotations

from lab.harness import subjects
from lab.harness.channel import Channel


def main() -> None:
    """Answer the job that comes on the standard input: why the subject cannot be made, or what it lacks."""
    channel = Channel()
    job = channel.start()
    try:
        name, workload_name = job["subject"], job["workload"]
        if workload_name is None:
            reason = subjects.unavailable_here(name)
        else:
            reason = subjects.lacking_here(name, workload_name)
        channel.report("tried", reason=reason)
        channel.command()
    except BaseException as error:
        channel.fail(error)


if __name__ == "__main__":
    main()
