"""The command group: which commands there are, and what becomes of their errors.

Rule: what a person can cause and mend ends in one clear line and an exit code, never in a traceback; a bug
in muxlab keeps its traceback.
"""

from __future__ import annotations

import errno
import signal
import warnings
from pathlib import Path
from typing import Any

import click

from lab.cli.bench import bench
from lab.cli.doctor import doctor
from lab.cli.ending import folder_kept
from lab.cli.exit_codes import BAD_INPUT, FAILED, INTERRUPTED
from lab.cli.explain import explain
from lab.cli.invocation import ContextAsStarted, as_started, typed
from lab.cli.listing import backends, workloads
from lab.cli.report import report
from lab.cli.run import run
from lab.cli.tracing import trace
from lab.errors import LabError, UnknownNameError

EPILOG = """
Start with `muxlab doctor`, then `muxlab bench`.

Exit codes: 0 done; 1 a sample or a check failed, or the system refused; 2 bad input; 130 interrupted, with
all samples kept.
"""


class Complaint(click.ClickException):
    """An error for the person at the terminal: one line on standard error and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: Any = None) -> None:
        click.echo(f"muxlab: {self.message}", err=True, file=file)


class Muxlab(click.Group):
    """Turns the lab's errors, the system's refusals and Ctrl-C into messages and exit codes."""

    context_class = ContextAsStarted

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except LabError as error:
            raise Complaint(as_started(str(error)), BAD_INPUT) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # `muxlab backends | head`: click ends quietly
            raise Complaint(_refusal(error, folder_kept(context)), FAILED) from error
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more must not cut off these words
            # Of a coroutine that it dropped before its first step, Python would warn as of a mistake.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            kept = folder_kept(context)
            shown = f"; `{typed('report', str(kept))}` shows what was kept" if kept else ""
            click.echo(f"muxlab: stopped at once{shown}", err=True)
            context.exit(INTERRUPTED)

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        name, choices = args[0], self.list_commands(context)
        if name not in choices and not name.startswith("-"):
            raise UnknownNameError("command", name, choices)
        return super().resolve_command(context, args)


@click.group(
    cls=Muxlab,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="muxlab", prog_name="muxlab", message="%(prog)s %(version)s")
def muxlab() -> None:
    """Measure which way of multiplexing I/O serves sockets best on this machine, and why."""


def _refusal(error: OSError, kept: Path | None) -> str:
    what = error.strerror or str(error)
    where = f" {error.filename}" if error.filename else ""
    todo = ["free some space"] if error.errno in (errno.ENOSPC, errno.EDQUOT) else []
    if kept is not None:
        todo.append(f"`{typed('bench', '--resume', str(kept))}` goes on with the samples taken so far")
        todo.append(f"`{typed('report', str(kept))}` shows them")
    return f"the system refused{where}: {what}" + (f". What to do: {'; '.join(todo)}" if todo else "")


for command in (bench, report, run, trace, backends, workloads, explain, doctor):
    command.context_class = ContextAsStarted
    muxlab.add_command(command)
