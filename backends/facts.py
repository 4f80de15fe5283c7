"""What a backend's file says of its mechanism at its top, taken apart so that a screen can show it.

The module's docstring is the only source. Its form: a sentence that begins with the system call; perhaps
prose; then sections, each a heading and bullets. The first section is ``In short``, whose bullets begin
with the words of `IN_SHORT`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from backends.registry import backend_class

IN_SHORT = ("Asks", "Costs", "Limits", "Trigger", "Exists")
"""What the mechanism asks the kernel; what that costs; how far it goes; level or edge; on which systems."""


@dataclass(frozen=True)
class Facts:
    """The facts of one mechanism; every text is one line."""

    headline: str
    short: dict[str, str]
    """Word of `IN_SHORT` -> text, in that order."""
    sections: dict[str, tuple[str, ...]]
    """Heading -> bullets, of all that follows."""


def facts(name: str) -> Facts:
    """The facts of the mechanism behind the backend called ``name``, available here or not.

    Raises `backends.UnknownBackendError`; `RuntimeError` under ``python -OO``, which drops all docstrings.
    """
    text = sys.modules[backend_class(name).__module__].__doc__
    if text is None:
        raise RuntimeError("the facts stand in docstrings, which python -OO drops: start Python without -OO")
    return parsed(text)


def parsed(text: str) -> Facts:
    """The facts in a docstring of the form above."""
    headline, *blocks = (block.strip() for block in text.strip().split("\n\n"))
    sections = dict(_section(block) for block in blocks if "\n- " in block)
    short = (bullet.partition(": ") for bullet in sections.pop("In short"))
    return Facts(_line(headline), {word: rest for word, _, rest in short}, sections)


def _section(block: str) -> tuple[str, tuple[str, ...]]:
    heading, *bullets = block.split("\n- ")
    return _line(heading), tuple(map(_line, bullets))


def _line(text: str) -> str:
    return " ".join(text.split())
