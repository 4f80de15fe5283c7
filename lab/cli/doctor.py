"""``muxlab doctor``: what on this machine would disturb a measurement, without changing anything."""

from __future__ import annotations

import sys

import click

from lab.cli.exit_codes import DONE, FAILED
from lab.cli.invocation import program

MARKS = {"ok": "ok  ", "note": "note", "warning": "WARN"}


@click.command(short_help="Check this machine for what disturbs a measurement.")
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check this machine for what disturbs a measurement, and say what to do. Changes nothing.

    Exit code 1 if anything should be mended; notes are for information.
    """
    from lab.cli.terminal import console
    from lab.harness import strace, subjects
    from lab.harness.machine import checks, environment, neighbours
    from lab.harness.machine.cores import choose_cores

    names = subjects.default_names()
    machine = environment.capture(choose_cores().note, names)
    reasons = {name: subjects.unavailable(name) or subjects.nonconforming(name) for name in names}
    benches = checks.examine_benches(neighbours.running())
    syscalls = checks.examine_syscalls(strace.unavailable())
    found = (*checks.examine(machine), benches, syscalls, *checks.examine_subjects(reasons))
    out = console(sys.stdout)
    out.print(f"{machine.system}, {machine.cpu_model or 'processor unknown'}, muxlab {machine.muxlab}")
    for check in found:
        out.print(f"{MARKS[check.status]}  {check.text}", style=_style(check.status), soft_wrap=True)
    problems = sum(1 for check in found if check.status == "warning")
    out.print(f"{problems} to mend" if problems else f"Nothing to mend: `{program()} bench` can start")
    context.exit(FAILED if problems else DONE)


def _style(status: str) -> str:
    return {"ok": "", "note": "dim", "warning": "bold yellow"}[status]
