"""What happens in a run, for whoever shows it: typed events, nothing printed.

All times are seconds. ``remaining_s`` is the estimate of what is left, from the cells measured so far.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.harness.planning.plan import Cell
from lab.results import RunRecord, Sample, ScenarioRecord, SubjectRecord, SyscallCount


@dataclass(frozen=True)
class RunStarted:
    """``run.json`` is written, nothing is measured yet."""

    record: RunRecord
    cells: int
    """All cells of the run, warm-up included."""
    done: int
    """Those that an earlier part of the run has measured."""
    remaining_s: float


@dataclass(frozen=True)
class BlockStarted:
    """One or more samples of a scenario are about to be taken together."""

    block: tuple[Cell, ...]
    position: int
    """The place of the first among all cells of the run, from 1."""
    cells: int
    remaining_s: float


@dataclass(frozen=True)
class CellFinished:
    """A sample has been taken and is on the disk, good or failed."""

    cell: Cell
    sample: Sample
    remaining_s: float


@dataclass(frozen=True)
class RoundFinished:
    """Every cell of a round has been measured, or had been before."""

    round: int
    """From 0; warm-up rounds number from -1 down."""
    rounds: int
    done: int
    cells: int
    remaining_s: float


@dataclass(frozen=True)
class RoundAdded:
    """One more round than was planned will follow, for the sake of precision."""

    rounds: int
    """Those that the run now has."""
    cells: int
    """All cells of the run, those of the new round included."""
    because: str


@dataclass(frozen=True)
class Stopped:
    """Precision or time decided that the run has rounds enough."""

    rounds: int
    because: str


@dataclass(frozen=True)
class CountingStarted:
    """All rounds are taken; the pass that counts system calls begins. It is not timed."""

    cells: int
    """Those that it will count."""
    remaining_s: float


@dataclass(frozen=True)
class CountStarted:
    """One cell is about to be traced."""

    subject: SubjectRecord
    scenario: ScenarioRecord
    done: int
    """Cells counted before it."""
    cells: int
    remaining_s: float


@dataclass(frozen=True)
class CountFinished:
    """One cell has been counted, or could not be; the count is on the disk."""

    count: SyscallCount


@dataclass(frozen=True)
class Warned:
    """Something that bears on how far the results can be trusted; it is kept in the record as well."""

    text: str


Event = (
    RunStarted
    | BlockStarted
    | CellFinished
    | RoundFinished
    | RoundAdded
    | Stopped
    | CountingStarted
    | CountStarted
    | CountFinished
    | Warned
)
