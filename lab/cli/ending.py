"""How a run ended, told: its report, what failed, and what goes on with it.

Rule: samples are called kept only where there are some, and advice names the folder of the very run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.exit_codes import DONE, FAILED, INTERRUPTED
from lab.cli.invocation import typed
from lab.results import SAMPLES_FILE, read_run

if TYPE_CHECKING:
    from lab.harness.runner import Outcome

_FOLDER = "lab.cli.ending.folder"


def close(outcome: Outcome) -> int:
    """Write the report of what there is, show it, and say how it went: the exit code."""
    from lab.cli.counting import list_uncounted
    from lab.cli.report import publish
    from lab.cli.terminal import counted

    samples = read_run(outcome.folder).samples
    if outcome.interrupted:
        kept = f"with {counted(len(samples), 'sample')} kept" if samples else "before the first sample"
        again = typed("bench", "--resume", str(outcome.folder))
        click.echo(f"Interrupted {kept}; `{again}` goes on", err=True)
    if not samples:
        click.echo("There is nothing to report.", err=True)
        return INTERRUPTED if outcome.interrupted else FAILED
    publish(outcome.folder)
    _list_failures(outcome)
    list_uncounted(outcome.uncounted)
    if outcome.interrupted:
        return INTERRUPTED
    return FAILED if outcome.failures or outcome.uncounted else DONE


def _list_failures(outcome: Outcome) -> None:
    """Each subject and scenario that failed: how often, and why the last time."""
    from lab.cli.terminal import counted, scenario_name

    if not outcome.failures:
        return
    click.echo(f"\n{len(outcome.failures)} of {counted(len(outcome.taken), 'sample')} failed:", err=True)
    pairs = dict.fromkeys((sample.subject, sample.scenario) for sample in outcome.failures)
    for pair in pairs:
        failed = [each for each in outcome.failures if (each.subject, each.scenario) == pair]
        times = counted(len(failed), "time")
        click.echo(f"  {pair[0]} under {scenario_name(pair[1])}: {times}; {failed[-1].reason}", err=True)


def keep_in(context: click.Context, folder: Path) -> None:
    """From here on the samples of this command go into ``folder``, should it end out of turn."""
    context.meta[_FOLDER] = folder


def folder_kept(context: click.Context) -> Path | None:
    """The folder of the run that this command was taking; None where it has no sample, or there is none."""
    folder: Path | None = context.meta.get(_FOLDER)
    return folder if folder is not None and (folder / SAMPLES_FILE).exists() else None
