"""Every subject's loop as something to import: ``lab.factories:epoll``, where ``module:factory`` is taken.

``uvicorn --loop lab.factories:epoll app:app`` serves on the mini-loop on epoll. The attribute is the name of
the subject with underscores: ``epoll_et``, ``selectors_epoll``, ``epoll_pytasks``, ``asyncio``, ``uvloop``.

Rules
- A loop's package is imported when its factory is asked for, never before: the process of a program has in it
  what that program needs, and no other loop.
- What is made is told to a file that an environment variable names (`TOLD_TO`), if there is one. So the lab
  knows whether a program really took the loop that it was given.

Pitfall: this module may not bind a name such as ``asyncio``, which would hide the factory of that name.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

LoopFactory = Callable[[], Any]
"""Makes an `asyncio.AbstractEventLoop`."""

TOLD_TO = "MUXLAB_LOOPS_MADE"
"""The environment variable with the path of a file: the id of each process that makes a loop, on a line."""


def __getattr__(attribute: str) -> LoopFactory:
    if attribute.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
    loops = {"asyncio": _selector_event_loop} | _mini_loops()
    if attribute in loops:
        return telling(loops[attribute])
    try:
        return telling(importlib.import_module(attribute).new_event_loop)
    except ImportError as error:
        raise AttributeError(
            f"expected a subject with underscores (see `muxlab backends`), got {attribute!r}: {error}"
        ) from error


def attribute_of(subject: str) -> str:
    """The attribute here that makes loops of ``subject``: ``epoll_pytasks`` for ``epoll+pytasks``."""
    return subject.replace("-", "_").replace("+", "_")


def named(place: str) -> LoopFactory:
    """What stands at ``module:factory``; raises what importing it raises."""
    module, _, attributes = place.partition(":")
    return functools.reduce(getattr, attributes.split("."), importlib.import_module(module))


def telling(factory: LoopFactory) -> LoopFactory:
    """``factory``, which also tells of each loop that it makes."""

    @functools.wraps(factory)
    def make() -> Any:
        loop = factory()
        if (path := os.environ.get(TOLD_TO)) is not None:
            with open(path, "a", encoding="ascii") as told:
                told.write(f"{os.getpid()}\n")
        return loop

    return make


def _selector_event_loop() -> Any:
    """asyncio's own, made directly: ``asyncio.new_event_loop`` asks the policy, which may ask here."""
    from asyncio import SelectorEventLoop

    return SelectorEventLoop()


def _mini_loops() -> dict[str, LoopFactory]:
    """The mini-loop on every backend, with C tasks and with Python ones."""
    import lab
    from backends import registry

    return {
        attribute_of(backend + suffix): functools.partial(lab.new_event_loop, backend, tasks)
        for backend in registry.names()
        for suffix, tasks in (("", "c"), ("+pytasks", "python"))
    }
