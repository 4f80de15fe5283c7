"""Drives a plan: one block of cells after the other, each sample kept the moment it is taken.

Rules
- ``run.json`` stands before the first sample, and says how the run ended after the last.
- System calls are counted when all rounds are taken, so that no tracer runs beside a sample; that time is not
  the run's time of measuring.
- A failed sample is kept and the run goes on. A cell that fails `GIVE_UP_AFTER` rounds in a row is not tried
  again: were it to hang each time, it alone would make the run many times longer.
- KeyboardInterrupt ends the run, not the program: the samples under way are lost (`take_block` ends their
  processes), all others are kept, and the caller gets an outcome that it can report.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.harness.blocks import Measure, take_block, together
from lab.harness.counting import Count, CountingPass, count_syscalls
from lab.harness.events import (
    BlockStarted,
    CellFinished,
    Event,
    RoundAdded,
    RoundFinished,
    RunStarted,
    Stopped,
    Warned,
)
from lab.harness.machine.environment import now
from lab.harness.planning import plan
from lab.harness.planning.pace import Pace
from lab.harness.planning.plan import Cell
from lab.harness.planning.stopping import HowPrecise, enough, first_round_too_long, out_of_time
from lab.harness.sampling import Cores, choose_cores
from lab.results import RunRecord, Sample, SyscallCount, append_sample, write_run

GIVE_UP_AFTER = 3

OnEvent = Callable[[Event], None]
Key = tuple[int, str, str]
"""Round, subject and scenario."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``taken``: the samples that this call took, not those taken before a resume."""

    record: RunRecord
    folder: Path
    taken: tuple[Sample, ...]
    counted: tuple[SyscallCount, ...] = ()
    """The cells whose system calls this call counted, or tried to."""

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or a signal ended the run early."""
        return self.record.status == "interrupted"

    @property
    def failures(self) -> tuple[Sample, ...]:
        """The samples that failed in this call."""
        return tuple(sample for sample in self.taken if sample.status == "failed")

    @property
    def uncounted(self) -> tuple[SyscallCount, ...]:
        """The counts that failed in this call."""
        return tuple(count for count in self.counted if count.status == "failed")


def ignore(event: Event) -> None:
    """An ``on_event`` for callers that do not watch."""


def run(
    record: RunRecord,
    folder: Path,
    *,
    measure: Measure = take_block,
    on_event: OnEvent = ignore,
    how_precise: HowPrecise | None = None,
    earlier: Iterable[Sample] = (),
    cores: Cores | None = None,
    clock: Callable[[], float] = time.monotonic,
    count: Count = count_syscalls,
    counted: Iterable[SyscallCount] = (),
    told: Iterable[str] = (),
) -> Outcome:
    """Measure every cell of ``record`` that has no good sample in ``earlier``; write all to ``folder``.

    Then count the system calls of those that have no good count in ``counted``, if the record wants it.
    ``on_event`` is told the record's warnings, but not those in ``told``: they were heard when the run began.

    Where the record wishes for precision, rounds are added until ``how_precise`` says that it is reached, or
    time is up. Raises `OSError` when the folder cannot be written (a full disk): what was written until then
    stays.
    """
    cores = cores or choose_cores(record.load_processes)
    driver = _Driver(record, folder, measure, on_event, how_precise, cores, clock)
    return driver.drive(
        tuple(earlier), CountingPass(folder, cores, on_event, count, tuple(counted)), tuple(told)
    )


class _Driver:
    """The state of one run under way."""

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        measure: Measure,
        on_event: OnEvent,
        how_precise: HowPrecise | None,
        cores: Cores,
        clock: Callable[[], float],
    ) -> None:
        self._record = dataclasses.replace(record, status="running", finished_at=None)
        self._folder, self._measure, self._on_event = folder, measure, on_event
        self._how_precise, self._cores, self._clock = how_precise, cores, clock
        self._rounds = list(plan.rounds(record))
        self._cells = sum(map(len, self._rounds))
        self._position = 0
        self._earlier: tuple[Sample, ...] = ()
        self._taken: list[Sample] = []
        self._counted: list[SyscallCount] = []
        self._failed_in_a_row: Counter[tuple[str, str]] = Counter()
        self._given_up: set[tuple[str, str]] = set()

    def drive(self, earlier: tuple[Sample, ...], counting: CountingPass, told: tuple[str, ...]) -> Outcome:
        self._earlier = earlier
        self._began_s = self._clock() - self._record.measured_s
        done = {_key(sample) for sample in earlier if sample.status == "ok"}
        todo = [cell for cells in self._rounds for cell in cells if cell.key not in done]
        self._pace = Pace(self._record, todo)
        write_run(self._folder, self._record)
        self._on_event(RunStarted(self._record, self._cells, self._cells - len(todo), self._pace.remaining_s))
        for text in self._record.warnings:
            if text not in told:
                self._on_event(Warned(text))
        self._warn_of_the_first_round()
        try:
            self._all_rounds(done)
            self._count(counting)
        except KeyboardInterrupt:
            return self._end("interrupted")
        except OSError:
            self._end_if_possible()
            raise
        return self._end("complete")

    def _all_rounds(self, done: set[Key]) -> None:
        """The planned rounds, fewer where time is up, more where precision is wished for."""
        for cells, following in itertools.pairwise(plan.every_round(self._record)):
            self._one_round(cells, done)
            self._note_time()
            rounds = following[0].round
            begun = any(cell.key in done for cell in following)
            if rounds < 1 or (begun and rounds < self._record.rounds):
                continue
            because = self._because(rounds, following)
            if because is not None:
                self._stop(rounds, because)
                return

    def _warn_of_the_first_round(self) -> None:
        """It is taken however long it takes: who sets a shorter limit should know before it begins."""
        first = [cell for cells in self._rounds[: self._record.warmup_rounds + 1] for cell in cells]
        text = first_round_too_long(self._record, self._pace.estimate_s(first))
        if text and not self._earlier:
            self._warn(text)

    def _count(self, counting: CountingPass) -> None:
        """Count system calls, as far as it comes; the time of measuring stands still."""
        began_s = self._clock()
        try:
            for each in counting.counts(self._record, skip=self._given_up):
                self._counted.append(each)
        finally:
            self._began_s += self._clock() - began_s

    def _note_time(self) -> None:
        self._record = dataclasses.replace(self._record, measured_s=self._clock() - self._began_s)

    def _because(self, rounds: int, following: tuple[Cell, ...]) -> str | None:
        """Why the round ``following`` must not be taken; None if it must, and then it belongs to the run."""
        wanted, precision = rounds >= self._record.rounds, None
        if wanted and self._record.precision is not None and self._how_precise is not None:
            precision = self._how_precise(self._record, (*self._earlier, *self._taken))
        if wanted and (because := enough(self._record, rounds, precision)):
            return because
        left = [cell for cell in following if _pair(cell) not in self._given_up]
        if because := out_of_time(self._record, self._pace.estimate_s(left)):
            return f"{because}; {precision.said}" if precision else because
        if precision:
            self._add(following, precision.said)
        return None

    def _add(self, cells: tuple[Cell, ...], because: str) -> None:
        self._record = dataclasses.replace(self._record, rounds=cells[0].round + 1)
        self._cells += len(cells)
        self._pace.added(cells)
        write_run(self._folder, self._record)
        self._on_event(RoundAdded(self._record.rounds, self._cells, because))

    def _stop(self, rounds: int, because: str) -> None:
        if self._record.precision is None and rounds == self._record.rounds:
            return
        self._record = dataclasses.replace(self._record, rounds=rounds, stopped=because)
        self._on_event(Stopped(rounds, because))

    def _one_round(self, cells: tuple[Cell, ...], done: set[Key]) -> None:
        for block in together(cells):
            self._one_block([cell for cell in block if self._is_left(cell, done)])
            self._position += len(block)
        if any(cell.key not in done for cell in cells):
            self._on_event(
                RoundFinished(
                    cells[0].round, self._record.rounds, self._position, self._cells, self._pace.remaining_s
                )
            )

    def _is_left(self, cell: Cell, done: set[Key]) -> bool:
        """Whether ``cell`` is to be measured: not if it was, nor if it was given up."""
        if cell.key in done:
            return False
        if _pair(cell) in self._given_up:
            self._pace.dropped(cell)
            return False
        return True

    def _one_block(self, block: Sequence[Cell]) -> None:
        if not block:
            return
        started = BlockStarted(tuple(block), self._position + 1, self._cells, self._pace.remaining_s)
        self._on_event(started)
        last_s, by_subject = self._clock(), {cell.subject.name: cell for cell in block}
        how = {
            "timing": plan.timing(self._record, block[0].scenario),
            "cores": self._cores,
            "seed": plan.load_seed(self._record, block[0]),
        }
        with contextlib.closing(self._measure(block, **how)) as samples:  # whatever happens, all are ended
            for sample in samples:
                append_sample(self._folder, sample)
                self._taken.append(sample)
                cell = by_subject[sample.subject]
                self._pace.finished(cell, self._clock() - last_s)
                last_s = self._clock()
                self._on_event(CellFinished(cell, sample, self._pace.remaining_s))
                self._count_failures(cell, sample)

    def _count_failures(self, cell: Cell, sample: Sample) -> None:
        pair = _pair(cell)
        if sample.status == "ok":
            del self._failed_in_a_row[pair]
            return
        self._failed_in_a_row[pair] += 1
        if self._failed_in_a_row[pair] >= GIVE_UP_AFTER:
            self._given_up.add(pair)
            where = cell.scenario.title if cell.scenario.program else cell.scenario.id
            self._warn(
                f"{cell.subject.name} under {where} failed {GIVE_UP_AFTER} times in a row and was "
                f"not tried again. The last time: {sample.reason}"
            )

    def _warn(self, text: str) -> None:
        self._record = dataclasses.replace(self._record, warnings=(*self._record.warnings, text))
        self._on_event(Warned(text))

    def _end(self, status: str) -> Outcome:
        self._note_time()
        self._record = dataclasses.replace(self._record, status=status, finished_at=now())
        write_run(self._folder, self._record)
        return Outcome(self._record, self._folder, tuple(self._taken), tuple(self._counted))

    def _end_if_possible(self) -> None:
        try:
            self._end("interrupted")
        except OSError:
            # The disk is full for this too; run.json still says "running", and --resume accepts that.
            return


def _key(sample: Sample) -> Key:
    return sample.round, sample.subject, sample.scenario


def _pair(cell: Cell) -> tuple[str, str]:
    return cell.subject.name, cell.scenario.id
