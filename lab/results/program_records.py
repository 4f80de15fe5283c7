"""Somebody's own program as a scenario holds it, so that a run can be resumed from its record alone."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

ProgramKind = Literal["command", "coroutine"]
BodyCheck = Literal["same", "length", "any"]


@dataclass(frozen=True)
class ProgramRecord:
    """A program that is not the lab's, and what it is asked for."""

    kind: ProgramKind
    """``command``: a command line that the lab starts. ``coroutine``: a function that it imports."""
    text: str
    """As it was given: ``uvicorn app:app --loop {loop} --port {port}``, or ``app:serve``."""
    path: str
    """What is asked for with GET: ``/items?page=1``."""
    body: BodyCheck = "same"
    """What each reply's body must have in common with the first one's: every byte, the length, or nothing."""

    @property
    def name(self) -> str:
        """For people, without what differs from subject to subject: ``uvicorn app:app``."""
        try:
            words = shlex.split(self.text)
        except ValueError:
            return self.text
        kept: list[str] = []
        for word in words:
            if "{" not in word:
                kept.append(word)
            elif kept and kept[-1].startswith("-") and not word.startswith("-"):
                kept.pop()
        return " ".join(kept)
