"""A run from its first to its last cell, with a fake that measures."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.harness import runner
from lab.harness.blocks import one_by_one
from lab.harness.events import BlockStarted, CellFinished, Event, RoundFinished, RunStarted, Warned
from lab.harness.planning import plan
from lab.harness.planning.plan import Cell
from lab.harness.planning.selection import Selection
from lab.harness.sampling import Cores
from lab.results import RunRecord, Sample, read_run
from tests.fake_measuring import FakeCatalogue, FakeMeasure, environment

NO_CORES = Cores(None, (None,), "not pinned")


def small_run(**changes: Any) -> RunRecord:
    options = {"backends": ("epoll",), "workloads": ("ring",), "rounds": 3} | changes
    return plan.build(Selection(**options), environment(), id="r", seed=7, catalogue=FakeCatalogue())


def run(record: RunRecord, folder: Path, measure: FakeMeasure, **how: Any) -> runner.Outcome:
    return runner.run(record, folder, measure=one_by_one(measure), cores=NO_CORES, clock=measure.clock, **how)


def test_every_cell_is_measured_once_in_the_planned_order(tmp_path: Path) -> None:
    record, measure = small_run(), FakeMeasure()
    outcome = run(record, tmp_path, measure)
    assert measure.cells == [cell.key for cells in plan.rounds(record) for cell in cells]
    assert [sample.order for sample in read_run(tmp_path).samples] == list(range(len(measure.cells)))
    assert (outcome.record.status, outcome.failures) == ("complete", ())


def test_the_record_says_how_the_run_ended(tmp_path: Path) -> None:
    run(small_run(), tmp_path, FakeMeasure())
    kept = read_run(tmp_path).record
    assert kept.status == "complete"
    assert kept.finished_at is not None


def test_each_sample_is_on_the_disk_as_soon_as_it_is_taken(tmp_path: Path) -> None:
    kept: list[int] = []

    def look(event: Event) -> None:
        if isinstance(event, CellFinished):
            kept.append(len(read_run(tmp_path).samples))

    run(small_run(), tmp_path, FakeMeasure(), on_event=look)
    assert kept == list(range(1, 1 + len(kept)))


def test_an_interrupt_keeps_all_samples_and_marks_the_run(tmp_path: Path) -> None:
    outcome = run(small_run(), tmp_path, FakeMeasure(interrupt_at=5))
    run_kept = read_run(tmp_path)
    assert outcome.interrupted
    assert run_kept.record.status == "interrupted"
    assert len(run_kept.samples) == 5


def test_a_resumed_run_measures_what_is_missing_and_nothing_twice(tmp_path: Path) -> None:
    record = small_run()
    run(record, tmp_path, FakeMeasure(interrupt_at=5))
    kept, second = read_run(tmp_path), FakeMeasure()
    outcome = run(kept.record, tmp_path, second, earlier=kept.samples)
    everything = [cell.key for cells in plan.rounds(record) for cell in cells]
    assert second.cells == everything[5:]
    assert outcome.record.status == "complete"
    assert len(read_run(tmp_path).samples) == len(everything)


def test_a_resumed_run_tries_failed_cells_again(tmp_path: Path) -> None:
    record = small_run(rounds=1)
    run(record, tmp_path, FakeMeasure(fails=lambda subject, scenario: subject == "epoll"))
    kept, second = read_run(tmp_path), FakeMeasure()
    run(kept.record, tmp_path, second, earlier=kept.samples)
    assert [subject for _, subject, _ in second.cells] == ["epoll"] * len(record.scenarios)


def test_resuming_a_complete_run_measures_nothing(tmp_path: Path) -> None:
    run(small_run(), tmp_path, FakeMeasure())
    kept, second = read_run(tmp_path), FakeMeasure()
    outcome = run(kept.record, tmp_path, second, earlier=kept.samples)
    assert second.calls == []
    assert outcome.record.status == "complete"


def test_a_failed_sample_is_kept_and_the_run_goes_on(tmp_path: Path) -> None:
    outcome = run(small_run(rounds=2), tmp_path, FakeMeasure(fails=lambda subject, _: subject == "epoll"))
    samples = read_run(tmp_path).samples
    assert {sample.subject for sample in outcome.failures} == {"epoll"}
    assert {sample.subject for sample in samples if sample.status == "ok"} == {
        "asyncio",
        "asyncio-again",
        "floor",
    }


def test_a_cell_that_keeps_failing_is_not_tried_for_ever(tmp_path: Path) -> None:
    fake = FakeMeasure(fails=lambda subject, scenario: subject == "epoll")
    record = small_run(rounds=6)
    outcome = run(record, tmp_path, fake)
    tried = sum(1 for _, subject, _ in fake.cells if subject == "epoll")
    assert tried == runner.GIVE_UP_AFTER * len(record.scenarios)
    assert len(outcome.record.warnings) == len(record.scenarios)
    assert "failed 3 times in a row" in outcome.record.warnings[0]


def test_a_full_disk_is_raised_and_what_was_written_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        run(small_run(), tmp_path, FakeMeasure(disk_full_at=4))
    kept = read_run(tmp_path)
    assert (len(kept.samples), kept.record.status) == (4, "interrupted")


def test_where_a_sample_cannot_be_kept_those_that_are_under_way_are_ended(tmp_path: Path) -> None:
    ended: list[bool] = []

    def measure(block: Sequence[Cell], **how: Any) -> Generator[Sample, None, None]:
        try:
            yield from one_by_one(FakeMeasure())(block, **how)
        finally:
            ended.append(True)

    def full(event: Event) -> None:
        if isinstance(event, CellFinished):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        runner.run(small_run(), tmp_path, measure=measure, cores=NO_CORES, on_event=full)
    assert caught.value.__traceback__ is not None  # it holds the frames, and yet
    assert ended == [True]


def test_the_events_tell_the_run_from_start_to_end(tmp_path: Path) -> None:
    events: list[Event] = []
    record = small_run(rounds=2)
    run(record, tmp_path, FakeMeasure(), on_event=events.append)
    cells = sum(map(len, plan.rounds(record)))
    started, *others = events
    assert isinstance(started, RunStarted)
    assert (started.cells, started.done) == (cells, 0)
    blocks = [event for event in others if isinstance(event, BlockStarted)]
    assert [cell for each in blocks for cell in each.block] == [
        c for cells in plan.rounds(record) for c in cells
    ]
    places = itertools.accumulate((len(each.block) for each in blocks), initial=1)
    assert [each.position for each in blocks] == list(places)[:-1]
    assert sum(1 for event in others if isinstance(event, CellFinished)) == cells
    rounds = [event for event in others if isinstance(event, RoundFinished)]
    assert [(event.round, event.done) for event in rounds] == [(0, cells // 2), (1, cells)]


def test_the_time_left_follows_what_cells_really_take(tmp_path: Path) -> None:
    left: list[float] = []

    def look(event: Event) -> None:
        if isinstance(event, CellFinished):
            left.append(event.remaining_s)

    record = small_run(rounds=2, settings={("ring", "pairs"): (100,)})
    run(record, tmp_path, FakeMeasure(cost_s=3.0), on_event=look)
    assert left == pytest.approx([3.0 * remaining for remaining in range(7, -1, -1)])


def test_the_warnings_of_the_machine_are_told_at_the_start(tmp_path: Path) -> None:
    events: list[Event] = []
    record = plan.build(
        Selection(backends=("epoll",), workloads=("ring",), rounds=1),
        environment(),
        id="r",
        seed=7,
        warnings=["load: high"],
        catalogue=FakeCatalogue(),
    )
    run(record, tmp_path, FakeMeasure(), on_event=events.append)
    assert events[1] == Warned("load: high")
