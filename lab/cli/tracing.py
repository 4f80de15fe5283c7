"""``muxlab trace``: see a program run on the mini-loop, step by step."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli import values
from lab.cli.run import PROGRAMS_OWN_ARGUMENTS, checked_backend, exit_code_of, loop_and_program
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.tracing.recorder import Recorder

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    short_help="See the seven steps of each recv of a program, as they happen.",
    context_settings=PROGRAMS_OWN_ARGUMENTS,
)
@loop_and_program
@click.option("--html", type=FILE, metavar="FILE", help="Write a page with a timeline as well.")
@click.option(
    "--json", "chrome", type=FILE, metavar="FILE", help="Write the trace for https://ui.perfetto.dev as well."
)
@click.option(
    "--limit",
    callback=values.option(values.whole_within(0)),
    default="10",
    metavar="N",
    show_default=True,
    help="How many calls to tell in full; 0 for all.",
)
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[FILE] [ARGUMENTS]...")
@click.pass_context
def trace(
    context: click.Context,
    backend: str | None,
    tasks: str,
    module: str | None,
    html: Path | None,
    chrome: Path | None,
    limit: int,
    program: tuple[str, ...],
) -> None:
    """Run FILE, or a module with -m, on the mini-loop, and tell what happened, when and where.

    Without FILE: one echo between two tasks. Works for programs that call asyncio.run or asyncio.Runner; the
    exit code is theirs. Options go before FILE:

        muxlab trace --html trace.html client.py
    """
    from lab.tracing import example
    from lab.tracing.recorder import Recorder
    from lab.tracing.text import text

    checked_backend(backend)
    html, chrome = _checked_files(html, chrome)
    recorder = Recorder()
    title = module or (Path(program[0]).name if program else example.TITLE)
    code = exit_code_of(_runner(recorder, backend, tasks, module, program))
    written: list[str] = []
    try:
        # Before the text, as whoever reads that may stop reading: `| head`.
        written += _write(recorder, title, html, chrome)
    finally:
        click.echo("\n".join([text(recorder, title, limit), *written]), nl=bool(written))
    context.exit(code)


def _runner(
    recorder: Recorder, backend: str | None, tasks: str, module: str | None, program: tuple[str, ...]
) -> Callable[[], object]:
    """What runs the program on traced loops."""
    from lab.program import run_module, run_script
    from lab.tracing import example
    from lab.tracing.recorder import Recorder
    from lab.tracing.traced_loop import TracedLoop

    factory = functools.partial(TracedLoop, recorder, backend, tasks)
    if module is not None:
        return lambda: run_module(module, program, factory)
    if program:
        return lambda: run_script(Path(program[0]), program[1:], factory)
    example.warm_up(functools.partial(TracedLoop, Recorder(), backend, tasks))
    return lambda: example.run(factory)


def _checked_files(html: Path | None, chrome: Path | None) -> tuple[Path | None, Path | None]:
    """Both as absolute paths, since the program may go elsewhere; raises `LabError` if one cannot be written.

    A Python file is refused: in ``--html client.py`` the name of the page is missing.
    """
    for path in filter(None, (html, chrome)):
        if path.suffix == ".py":
            raise LabError(
                f"expected a file to write to, got the Python program {path}: name the file before it, "
                f"as in --html trace.html {path}"
            )
        if not path.parent.is_dir():
            raise LabError(f"expected a file that can be written, got {path}: there is no such folder")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise LabError(f"expected a file that can be written, got {path}: permission denied")
    if html is not None and chrome is not None and html.resolve() == chrome.resolve():
        raise LabError(f"expected a file each for --html and --json, got {html} for both")
    return html and html.absolute(), chrome and chrome.absolute()


def _write(recorder: Recorder, title: str, html: Path | None, chrome: Path | None) -> Iterator[str]:
    """Write the files that are wanted; a line for each that says where it is."""
    from lab.cli.terminal import short

    if html is not None:
        from lab.tracing.page import page

        _save(html, page(recorder, title))
        yield f"Page:  {short(html)}"
    if chrome is not None:
        from lab.tracing.chrome import trace_events

        _save(chrome, json.dumps(trace_events(recorder, title)))
        yield f"Trace: {short(chrome)}; open it in https://ui.perfetto.dev"


def _save(path: Path, content: str) -> None:
    try:
        path.write_text(content, "utf-8")
    except OSError as error:
        raise LabError(f"expected a file that can be written, got {path}: {error.strerror}") from error
