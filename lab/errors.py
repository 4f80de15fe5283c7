"""The errors that muxlab raises for its users: each says what was expected, what came, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LabError(Exception):
    """The base of every error that a person can cause and mend: a bad name, a bad value, an unusable run."""


class UnknownNameError(LabError):
    """A name that nothing is registered under; ``choices`` lists what is, ``nearest`` the likely intent."""

    def __init__(self, kind: str, name: str, choices: Iterable[str]) -> None:
        self.kind, self.name, self.choices = kind, name, list(choices)
        self.nearest = _nearest(name, self.choices)
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        super().__init__(f"no {kind} is called {name!r}.{hint} Choose from: {', '.join(self.choices)}.")


class RunError(LabError):
    """A run folder that cannot be read, written or resumed."""


def _nearest(name: str, choices: list[str]) -> str | None:
    """The choice that was probably meant, or the first of those whose first word was; None: no idea."""
    for known in (
        {each: each for each in choices},
        {each.partition("-")[0]: each for each in reversed(choices)},
    ):
        for close in difflib.get_close_matches(name, known, 1):
            return known[close]
    return None
