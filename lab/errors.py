"""The errors that muxlab raises for its users: each says what was expected, what came, and what to do."""


class LabError(Exception):
    """The base of every error that a person can cause and mend: a bad name, a bad value, an unusable run."""


class UnknownNameError(LabError):
    """A name that nothing is registered under; ``choices`` lists what is, ``nearest`` the likely intent."""

    def __init__(self, kind: str, name: str, choices: list[str], nearest: str | None = None) -> None:
        self.kind, self.name, self.choices, self.nearest = kind, name, choices, nearest
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        super().__init__(f"no {kind} is called {name!r}.{hint} Choose from: {', '.join(choices)}.")


class RunError(LabError):
    """A run folder that cannot be read, written or resumed."""
