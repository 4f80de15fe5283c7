"""A command line that starts somebody's server: what may stand in it, and how a subject's loop gets into it.

There are two ways for a loop into a program.
- ``{loop}`` in the command becomes ``module:factory``, for programs that take their loop so (uvicorn's
  ``--loop`` from 0.36 on). The subjects' factories are in `lab.factories`.
- A command without it that runs Python (``python server.py``, ``python -m server``, a script that begins with
  ``#!...python``) is started through `lab.on_loop`: asyncio is told to take its new loops from the subject.
  A program that brings a loop of its own keeps it; `keeper` notices.

Rule: a command is split as a shell would, and no shell sees it: no pipes, no variables, no ``&&``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping

from lab import factories
from lab.errors import LabError

PLACEHOLDERS = ("port", "host", "loop")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_PYTHON = re.compile(r"(python|pypy)[\d.]*t?$")
_FLAGS_WITH_VALUE = ("-W", "-X")
"""Options of Python whose value is a word of its own."""


def checked(text: str) -> str:
    """``text`` if a server can be started with it; raises `LabError` that says what is wrong."""
    words = _split(text)
    names = {name for word in words for name in _PLACEHOLDER.findall(word)}
    if unknown := sorted(names - set(PLACEHOLDERS)):
        raise LabError(
            f"expected {{port}}, {{host}} or {{loop}} as places in --serve, got {{{unknown[0]}}} in {text!r}"
        )
    if "port" not in names:
        raise LabError(
            f"expected {{port}} in --serve, where the command takes the port to listen on, got {text!r}: "
            'write it as "uvicorn app:app --loop {loop} --port {port}"'
        )
    if shutil.which(words[0], path=search_path()) is None:
        raise LabError(f"expected a command in --serve, got {words[0]!r}, which is not found: see the PATH")
    if "loop" not in names:
        _through_on_loop(words, "")
    return text


def takes_loop(text: str) -> bool:
    """Whether the command takes its loop as ``{loop}``."""
    return "loop" in _PLACEHOLDER.findall(text)


def command_line(text: str, *, host: str, port: int, loop: str) -> list[str]:
    """The words to start, on ``loop`` (``module:factory``); raises `LabError` for what `checked` refuses."""
    values = {"host": host, "port": str(port), "loop": loop}
    words = [_filled(word, values) for word in _split(text)]
    return words if takes_loop(text) else _through_on_loop(words, loop)


def loop_place(subject: str) -> str:
    """``module:factory`` of a subject; a custom one is that already."""
    return subject if ":" in subject else f"{factories.__name__}:{factories.attribute_of(subject)}"


def tells(text: str, loop: str) -> bool:
    """Whether it can be seen that the program takes ``loop``: not of a custom one in place of ``{loop}``."""
    return not takes_loop(text) or loop.startswith(f"{factories.__name__}:")


def advice(text: str) -> str:
    """What to do where the program takes another loop."""
    if takes_loop(text):
        return "put {loop} where it takes its loop as module:factory, for uvicorn --loop {loop}"
    return (
        "it brings a loop of its own, or needs none. Let it call asyncio.run, or give {loop} where it takes "
        "its loop as module:factory, for uvicorn --loop {loop}"
    )


def found(command: str) -> str:
    """Where ``command`` is, as a shell would find it; itself where it is nowhere."""
    return shutil.which(command, path=search_path()) or command


def search_path() -> str:
    """Where commands are looked for: beside the interpreter that runs the lab first, then as ever."""
    here = os.path.dirname(sys.executable)
    return os.pathsep.join([here, os.environ.get("PATH", os.defpath)])


def _split(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise LabError(f"expected a command line in --serve, got {text!r}: {error}") from error
    if not words:
        raise LabError('expected a command line in --serve, such as "python server.py {port}", got nothing')
    return words


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], word)


def _through_on_loop(words: list[str], loop: str) -> list[str]:
    """The command with `lab.on_loop` between Python and its program."""
    if _PYTHON.fullmatch(os.path.basename(words[0])):
        flags = _flags(words)
        return [*words[: 1 + flags], "-m", "lab.on_loop", loop, *words[1 + flags :]]
    if interpreter := _interpreter_of(words[0]):
        return [*interpreter, "-m", "lab.on_loop", loop, found(words[0]), *words[1:]]
    raise LabError(
        f"cannot choose the loop of {words[0]!r}, which is no Python program: give {{loop}} where the "
        "command takes its loop as module:factory"
    )


def _flags(words: list[str]) -> int:
    """How many words behind ``python`` are its own options, before the file or ``-m``."""
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-m", "-c", "-"):
        at += 2 if words[at] in _FLAGS_WITH_VALUE else 1
    if at >= len(words) or words[at] in ("-c", "-"):
        raise LabError(
            f"expected a file, or -m and a module, behind {words[0]} in --serve, got "
            f"{shlex.join(words[1:]) or 'nothing'!r}"
        )
    return at - 1


def _interpreter_of(command: str) -> list[str] | None:
    """What runs a script, from its first line, if that is Python."""
    try:
        with open(found(command), "rb") as script:
            first = script.readline(500).decode("utf-8", "replace").strip()
    except OSError:
        return None
    words = shlex.split(first[2:]) if first.startswith("#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S"]
    return words if words and _PYTHON.fullmatch(os.path.basename(words[0])) else None
