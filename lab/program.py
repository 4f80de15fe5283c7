"""Run somebody else's program on the mini-loop, unchanged.

A program that calls ``asyncio.run`` or makes an ``asyncio.Runner`` asks asyncio for a new loop; here asyncio
is told where to get it. A program that brings its own ``loop_factory`` keeps it: that is its own choice.

Rule: until Python 3.13 the event loop policy is the documented way to choose the loop; from 3.14 on policies
are deprecated, and only the function behind ``asyncio.new_event_loop`` is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lab.errors import LabError

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def run_script(path: Path, arguments: Sequence[str], factory: LoopFactory) -> None:
    """Run the file as ``python path arguments...`` would; raises `LabError` if it cannot be read."""
    if not path.is_file():
        found = "is not one" if path.exists() else "does not exist"
        raise LabError(f"expected a Python file to run, got {str(path)!r}, which {found}; -m runs a module")
    with (
        new_loops_from(factory),
        arguments_of([str(path), *arguments]),
        path_first(str(path.resolve().parent)),
    ):
        runpy.run_path(str(path), run_name="__main__")


def run_module(name: str, arguments: Sequence[str], factory: LoopFactory) -> None:
    """Run the module as ``python -m name arguments...`` would; raises `LabError` if there is none."""
    with new_loops_from(factory), arguments_of([name, *arguments]), path_first(str(Path.cwd())):
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            found = None
        if found is None:
            raise LabError(f"expected a module that can be imported, got {name!r}, which cannot be found")
        runpy.run_module(name, run_name="__main__", alter_sys=True)


@contextlib.contextmanager
def new_loops_from(factory: LoopFactory) -> Iterator[None]:
    """Within, ``asyncio.run`` and ``asyncio.Runner`` take their loops from ``factory``."""
    if sys.version_info >= (3, 14):
        before = asyncio.events.new_event_loop
        asyncio.events.new_event_loop = asyncio.new_event_loop = factory
        try:
            yield
        finally:
            asyncio.events.new_event_loop = asyncio.new_event_loop = before
        return

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return factory()

    asyncio.set_event_loop_policy(Policy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(None)


@contextlib.contextmanager
def arguments_of(argv: list[str]) -> Iterator[None]:
    """Within, the program sees ``argv`` as its own."""
    before, sys.argv = sys.argv, argv
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def path_first(folder: str) -> Iterator[None]:
    """Within, imports look into ``folder`` first, as they do for a program started there."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
