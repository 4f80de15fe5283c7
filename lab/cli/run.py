"""``muxlab run``: any asyncio program on the mini-loop."""

from __future__ import annotations

import functools
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import click

from lab.cli import values
from lab.cli.exit_codes import DONE, FAILED, INTERRUPTED
from lab.errors import LabError, UnknownNameError

PROGRAMS_OWN_ARGUMENTS = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""Options go before the program; what follows it is the program's."""


def loop_and_program(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which loop runs, and what on it: for ``muxlab run`` and ``muxlab trace``."""
    for option in (
        click.option(
            "--module", "-m", metavar="NAME", help="Run a module instead of a file, as python -m does."
        ),
        click.option(
            "--tasks",
            callback=values.option(values.one_of("c", "python")),
            default="c",
            show_default=True,
            metavar="c|python",
            help="Futures and tasks.",
        ),
        click.option(
            "--backend", "-b", metavar="NAME", help="Readiness backend; the best one here by default."
        ),
    ):
        command = option(command)
    return command


@click.command(
    short_help="Run an asyncio program on the mini-loop.",
    context_settings=PROGRAMS_OWN_ARGUMENTS,
)
@loop_and_program
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[FILE] [ARGUMENTS]...")
@click.pass_context
def run(
    context: click.Context, backend: str | None, tasks: str, module: str | None, program: tuple[str, ...]
) -> None:
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
        code = exit_code_of(lambda: run_module(module, program, factory))
    elif program:
        code = exit_code_of(lambda: run_script(Path(program[0]), program[1:], factory))
    else:
        raise click.UsageError("expected a FILE to run, or -m NAME; got neither")
    context.exit(code)


def exit_code_of(run: Callable[[], object]) -> int:
    """Run somebody's program; what it would have told the shell. What it raises is its own: shown as Python
    shows it, not taken for trouble of the lab's. Raises `LabError` where there is nothing to run."""
    try:
        run()
    except LabError:
        raise
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or DONE
        click.echo(str(end.code), err=True)
        return FAILED
    except BaseException as error:
        error.__traceback__ = _programs_own(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
    return DONE


def _programs_own(frames: TracebackType | None) -> TracebackType | None:
    """``frames`` without those that led to the program: the lab's, and behind them runpy's."""
    own = frames
    while own is not None and not _is_runpys(own):
        own = own.tb_next
    if own is None:
        return frames
    while own is not None and _is_runpys(own):
        own = own.tb_next
    return own


def _is_runpys(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename == runpy.run_path.__code__.co_filename


def checked_backend(name: str | None) -> None:
    """Raise `LabError` where the backend called ``name`` is unknown or cannot be opened here."""
    import backends

    try:
        backends.open_backend(name).close()
    except backends.UnknownBackendError as error:
        raise UnknownNameError("backend", error.name, error.choices) from error
    except backends.BackendUnavailableError as error:
        raise LabError(f"backend {name} cannot run here: {error}") from error
