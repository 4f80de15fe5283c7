"""What a person types to start muxlab again: as it was started, so that it works from the same place."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


def program() -> str:
    """``muxlab`` where the shell finds it, else ``.venv/bin/muxlab``, else ``python3 -m lab``; quoted.

    `make` starts ``.venv/bin/python -m lab``, whose script stands beside the interpreter.
    """
    started = Path(sys.argv[0])
    if started.name == "muxlab":
        return _typed(started)
    if (started.parent.name, started.name) != ("lab", "__main__.py"):
        return "muxlab"
    script = Path(sys.executable).with_name("muxlab")
    return _typed(script) if script.exists() else f"{_typed(Path(sys.executable))} -m lab"


def typed(*words: str) -> str:
    """A whole command line that starts muxlab again, quoted for a shell: ``muxlab report 'my run'``."""
    return f"{program()} {shlex.join(words)}"


def as_started(text: str) -> str:
    """``text`` from a room that cannot know how muxlab was started, its commands as they are typed here."""
    return text.replace("`muxlab ", f"`{program()} ")


class HelpAsStarted(click.HelpFormatter):
    """Help pages whose commands are as they are typed here, in back quotes as well as in examples."""

    def write_text(self, text: str) -> None:
        """Paragraphs; an indented line that begins with the command is an example."""
        text = re.sub(r"(?m)^( +)muxlab (?=\w)", lambda found: f"{found[1]}{program()} ", text)
        super().write_text(as_started(text))

    def write_dl(self, rows: Sequence[tuple[str, str]], *args: Any, **options: Any) -> None:
        """A list of options or commands with what they do."""
        super().write_dl([(name, as_started(what)) for name, what in rows], *args, **options)


class ContextAsStarted(click.Context):
    """The context of a command with such help pages."""

    formatter_class = HelpAsStarted


def _typed(path: Path) -> str:
    """The shortest that a shell here takes for ``path``. Links stay: a virtual environment's is its own."""
    try:
        absolute, relative = os.path.abspath(path), os.path.relpath(path)
    except FileNotFoundError:  # the working directory is gone
        absolute = relative = str(path)
    found = shutil.which(path.name)
    if found and os.path.abspath(found) == absolute:
        return path.name
    typed = absolute if relative.startswith(os.pardir) else relative
    return shlex.quote(typed if os.sep in typed else os.path.join(os.curdir, typed))
