"""Shows a run as it goes: a bar with the time left on a terminal, a line a round elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from lab.cli.terminal import console, counted, duration, is_terminal, scenario_name
from lab.harness.events import (
    BlockStarted,
    CellFinished,
    CountFinished,
    CountingStarted,
    CountStarted,
    Event,
    RoundAdded,
    RoundFinished,
    RunStarted,
    Stopped,
    Warned,
)
from lab.harness.stuck import innermost_frame
from lab.results import Sample, ScenarioRecord, SubjectRecord, SyscallCount

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

NARROW = 60
"""Columns of a terminal below which the time left stands without words around it."""


class Show(Protocol):
    """A context manager that is told each event of a run."""

    def __call__(self, event: Event) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def progress() -> Show:
    """What fits standard error: `Bar` on a terminal, else `Lines`."""
    out = console(sys.stderr)
    return Bar(out) if is_terminal(sys.stderr) else Lines(out)


class Lines:
    """One plain line a round, a warning or a failure: for pipes and continuous integration."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        if text := self._text(event):
            self._out.print(text, soft_wrap=True)

    def _text(self, event: Event) -> str | None:
        match event:
            case RunStarted(done=done, cells=cells) if done == cells:
                were = f"All {cells:,} samples were" if cells != 1 else "The only sample was"
                return f"{were} there already: nothing left to measure"
            case RunStarted(done=done, cells=cells) if done:
                return f"{done:,} of {cells:,} samples {'was' if done == 1 else 'were'} there already"
            case CellFinished(sample=Sample(status="failed") as sample):
                return failure(sample)
            case RoundFinished(remaining_s=left, done=done, cells=cells):
                return f"{round_name(event)}: {done} of {cells} samples, about {duration(left)} left"
            case RoundAdded(rounds=rounds, because=because):
                return f"Round {rounds} added: {because}"
            case Stopped(rounds=rounds, because=because):
                return f"Stopped after {counted(rounds, 'round')} because {because}"
            case CountingStarted(cells=cells, remaining_s=left):
                return f"Counting the system calls of {counted(cells, 'cell')}: about {duration(left)}"
            case CountFinished(count=SyscallCount(status="failed") as count):
                return f"Not counted: {count.subject} under {scenario_name(count.scenario)}: {count.reason}"
            case Warned(text=text):
                return f"Warning: {text}"
        return None


class Bar(Lines):
    """A bar that lives on the last line; what `Lines` says about failures and warnings stands above it."""

    def __init__(self, out: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        left = "{task.fields[left]}" if out.width < NARROW else "about {task.fields[left]} left"
        self._progress: Progress = Progress(
            TextColumn("{task.fields[where]}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn(left, markup=False),
            console=out,
            transient=True,
            expand=True,
        )
        super().__init__(self._progress.console)
        self._task = self._progress.add_task("samples", total=None, where="starting", left="?")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted(cells=cells, done=done, remaining_s=left):
                self._progress.update(self._task, total=cells, completed=done, left=duration(left))
            case BlockStarted(block=block, position=position, remaining_s=left):
                self._progress.update(
                    self._task,
                    completed=position - 1,
                    where=self._where([cell.subject for cell in block], block[0].scenario),
                    left=duration(left),
                )
            case RoundFinished(done=done):
                self._progress.update(self._task, completed=done)
                return
            case RoundAdded(cells=cells):
                self._progress.update(self._task, total=cells)
            case CountStarted(done=done, cells=cells, remaining_s=left):
                where = self._where([event.subject], event.scenario)
                self._progress.update(
                    self._task, completed=done, total=cells, where=where, left=duration(left)
                )
        super().__call__(event)

    def _where(self, subjects: Sequence[SubjectRecord], scenario: ScenarioRecord) -> str:
        """``epoll · idle 5,000``, or ``9 subjects · ...``, cut to a third of the line: the rest is needed."""
        point = f" {scenario.parameters[scenario.axis]:,}" if scenario.axis else ""
        who = subjects[0].name if len(subjects) == 1 else counted(len(subjects), "subject")
        text = f"{who} · {scenario.workload}{point}"
        room = self._progress.console.width // 3
        return text if len(text) <= room else text[: room - 1] + "…"


def failure(sample: Sample) -> str:
    """One failed sample in words, with where it hung, or the last line of its standard error."""
    where = scenario_name(sample.scenario)
    text = f"Failed: {sample.subject} under {where}, round {sample.round + 1}: {sample.reason}"
    tail = (sample.stderr_tail or "").strip()
    telling = innermost_frame(tail) or tail.rpartition("\n")[2]
    return f"{text} [{telling}]" if telling else text


def round_name(event: RoundFinished) -> str:
    """``Round 2 of 5`` or ``Warm-up round``."""
    return "Warm-up round" if event.round < 0 else f"Round {event.round + 1} of {event.rounds}"
