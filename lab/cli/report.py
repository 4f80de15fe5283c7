"""``muxlab report``: write a run's report again, and show its summary."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lab.cli import values
from lab.results import Run, read_run


@click.command(short_help="Write the report of a run again.")
@click.argument("run", type=click.Path(), required=False, callback=values.option(values.folder))
def report(run: Path | None) -> None:
    """Write the report of RUN again, from its samples, and show the summary.

    RUN is a run's folder or its name under runs/; the newest one if it is left out.
    """
    from lab.harness import folders

    folder = folders.newest() if run is None else folders.find(run)
    tell_damage(read_run(folder))
    publish(folder)


def tell_damage(run: Run) -> None:
    """Warn of each line of samples that could not be read."""
    for text in run.damage:
        click.echo(f"Warning: {text}", err=True)


def publish(folder: Path) -> None:
    """Write the report of the run in ``folder``; show its summary and where everything is."""
    from lab.cli.terminal import console, is_terminal, short
    from reports import write_report

    click.echo("Writing the report ...", err=True)
    files = write_report(folder)
    summary, out = files.summary.read_text("utf-8"), console(sys.stdout)
    if is_terminal(sys.stdout):
        from rich.markdown import Markdown

        out.print(Markdown(summary))
    else:
        click.echo(summary)
    click.echo(f"\nReport:  {short(files.html)}")
    click.echo(f"Samples: {short(files.csv)}")
    if files.figures:
        click.echo(f"Figures: {short(files.figures[0].parent)} ({len(files.figures)} pictures)")
