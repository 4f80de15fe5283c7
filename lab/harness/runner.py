"""Drives a plan: one cell after the other, each sample kept the moment it is taken.

Rules
- ``run.json`` stands before the first sample, and says how the run ended after the last.
- A failed sample is kept and the run goes on. A cell that fails `GIVE_UP_AFTER` rounds in a row is not tried
  again: were it to hang each time, it alone would make the run many times longer.
- KeyboardInterrupt ends the run, not the program: the sample under way is lost (`take_sample` ends its
  processes), all others are kept, and the caller gets an outcome that it can report.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.harness import plan
from lab.harness.environment import now
from lab.harness.events import CellFinished, CellStarted, Event, RoundFinished, RunStarted, Warned
from lab.harness.pace import Pace
from lab.harness.plan import Cell
from lab.harness.sampling import Cores, choose_cores, take_sample
from lab.results import RunRecord, Sample, append_sample, write_run

GIVE_UP_AFTER = 3

Measure = Callable[..., Sample]
"""The signature of `take_sample`."""
OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``taken``: the samples that this call took, not those taken before a resume."""

    record: RunRecord
    folder: Path
    taken: tuple[Sample, ...]

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or a signal ended the run early."""
        return self.record.status == "interrupted"

    @property
    def failures(self) -> tuple[Sample, ...]:
        """The samples that failed in this call."""
        return tuple(sample for sample in self.taken if sample.status == "failed")


def ignore(event: Event) -> None:
    """An ``on_event`` for callers that do not watch."""


def run(
    record: RunRecord,
    folder: Path,
    *,
    measure: Measure = take_sample,
    on_event: OnEvent = ignore,
    earlier: Iterable[Sample] = (),
    cores: Cores | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Measure every cell of ``record`` that has no good sample in ``earlier``; write all to ``folder``.

    Raises `OSError` when the folder cannot be written (a full disk): what was written until then stays.
    """
    driver = _Driver(record, folder, measure, on_event, cores or choose_cores(), clock)
    return driver.drive({_key(sample) for sample in earlier if sample.status == "ok"})


class _Driver:
    """The state of one run under way."""

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        measure: Measure,
        on_event: OnEvent,
        cores: Cores,
        clock: Callable[[], float],
    ) -> None:
        self._record = dataclasses.replace(record, status="running", finished_at=None)
        self._folder, self._measure, self._on_event = folder, measure, on_event
        self._cores, self._clock = cores, clock
        self._rounds = list(plan.rounds(record))
        self._cells = sum(map(len, self._rounds))
        self._position = 0
        self._taken: list[Sample] = []
        self._failed_in_a_row: Counter[tuple[str, str]] = Counter()
        self._given_up: set[tuple[str, str]] = set()

    def drive(self, done: set[tuple[int, str, str]]) -> Outcome:
        todo = [cell for cells in self._rounds for cell in cells if cell.key not in done]
        self._pace = Pace(self._record, todo)
        write_run(self._folder, self._record)
        self._on_event(RunStarted(self._record, self._cells, self._cells - len(todo), self._pace.remaining_s))
        for text in self._record.warnings:
            self._on_event(Warned(text))
        try:
            for cells in self._rounds:
                self._one_round(cells, done)
        except KeyboardInterrupt:
            return self._end("interrupted")
        except OSError:
            self._end_if_possible()
            raise
        return self._end("complete")

    def _one_round(self, cells: tuple[Cell, ...], done: set[tuple[int, str, str]]) -> None:
        for cell in cells:
            self._position += 1
            if cell.key in done:
                continue
            if _pair(cell) in self._given_up:
                self._pace.dropped(cell)
                continue
            self._one_cell(cell)
        if cells:
            self._on_event(
                RoundFinished(
                    cells[0].round, self._record.rounds, self._position, self._cells, self._pace.remaining_s
                )
            )

    def _one_cell(self, cell: Cell) -> None:
        self._on_event(CellStarted(cell, self._position, self._cells, self._pace.remaining_s))
        began = self._clock()
        sample = self._measure(
            cell.subject,
            cell.scenario,
            round=cell.round,
            order=cell.order,
            warmup=cell.warmup,
            timing=plan.timing(self._record, cell.scenario),
            cores=self._cores,
            seed=plan.load_seed(self._record, cell),
        )
        append_sample(self._folder, sample)
        self._taken.append(sample)
        took_s = self._clock() - began
        self._pace.finished(cell, took_s)
        self._on_event(CellFinished(cell, sample, took_s, self._pace.remaining_s))
        self._count_failures(cell, sample)

    def _count_failures(self, cell: Cell, sample: Sample) -> None:
        pair = _pair(cell)
        if sample.status == "ok":
            del self._failed_in_a_row[pair]
            return
        self._failed_in_a_row[pair] += 1
        if self._failed_in_a_row[pair] >= GIVE_UP_AFTER:
            self._given_up.add(pair)
            self._warn(
                f"{cell.subject.name} under {cell.scenario.id} failed {GIVE_UP_AFTER} times in a row and was "
                f"not tried again. The last time: {sample.reason}"
            )

    def _warn(self, text: str) -> None:
        self._record = dataclasses.replace(self._record, warnings=(*self._record.warnings, text))
        self._on_event(Warned(text))

    def _end(self, status: str) -> Outcome:
        self._record = dataclasses.replace(self._record, status=status, finished_at=now())
        write_run(self._folder, self._record)
        return Outcome(self._record, self._folder, tuple(self._taken))

    def _end_if_possible(self) -> None:
        try:
            self._end("interrupted")
        except OSError:
            # The disk is full for this too; run.json still says "running", and --resume accepts that.
            return


def _key(sample: Sample) -> tuple[int, str, str]:
    return sample.round, sample.subject, sample.scenario


def _pair(cell: Cell) -> tuple[str, str]:
    return cell.subject.name, cell.scenario.id
