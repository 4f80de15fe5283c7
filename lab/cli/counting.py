"""What the terminal says of the pass that counts system calls."""

from __future__ import annotations

import click

from lab.results import RunRecord, SyscallCount


def announced(record: RunRecord) -> str:
    """What follows the estimate of the rounds; empty where nothing was to be counted."""
    from lab.cli.terminal import duration
    from lab.harness import counting

    if not record.syscalls:
        return ""
    if not counting.pairs(record):
        return "; there is nothing to count system calls of, as a traced server could not keep to a rate"
    return f", then about {duration(counting.estimate_s(record))} to count system calls"


def list_uncounted(failed: tuple[SyscallCount, ...]) -> None:
    """Each cell whose system calls could not be counted, and why."""
    from lab.cli.terminal import counted, scenario_name

    if failed:
        cells = counted(len(failed), "cell")
        click.echo(f"\nThe system calls of {cells} could not be counted:", err=True)
    for count in failed:
        click.echo(f"  {count.subject} under {scenario_name(count.scenario)}: {count.reason}", err=True)
