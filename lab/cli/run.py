"""``muxlab run``: any asyncio program on the mini-loop."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from lab.errors import LabError, UnknownNameError


@click.command(
    short_help="Run an asyncio program on the mini-loop.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--backend", "-b", metavar="NAME", help="Readiness backend; the best one here by default.")
@click.option(
    "--tasks", type=click.Choice(["c", "python"]), default="c", show_default=True, help="Futures and tasks."
)
@click.option("--module", "-m", metavar="NAME", help="Run a module instead of a file, as python -m does.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[FILE] [ARGUMENTS]...")
def run(backend: str | None, tasks: str, module: str | None, program: tuple[str, ...]) -> None:
    """Run FILE, or a module with -m, on the mini-loop, unchanged.

    Works for programs that call asyncio.run or asyncio.Runner. Options go before FILE; what follows it is
    the program's own:

        muxlab run -b poll server.py --port 8080
    """
    from lab import new_event_loop
    from lab.program import run_module, run_script

    checked_backend(backend)
    factory = functools.partial(new_event_loop, backend, tasks)
    if module is not None:
        run_module(module, program, factory)
    elif program:
        run_script(Path(program[0]), program[1:], factory)
    else:
        raise click.UsageError("expected a FILE to run, or -m NAME; got neither")


def checked_backend(name: str | None) -> None:
    """Raise `LabError` where the backend called ``name`` is unknown or cannot be opened here."""
    import backends

    try:
        backends.open_backend(name).close()
    except backends.UnknownBackendError as error:
        raise UnknownNameError("backend", error.name, list(error.choices), error.nearest) from error
    except backends.BackendUnavailableError as error:
        raise LabError(f"backend {name} cannot run here: {error}") from error
