"""How many rounds a run takes: planned, added for precision, cut by time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.harness import runner
from lab.harness.blocks import one_by_one
from lab.harness.events import Event, RoundAdded, Stopped, Warned
from lab.harness.planning import plan
from lab.harness.planning.profiles import PROFILES
from lab.harness.planning.selection import Selection, chosen_profile
from lab.harness.planning.stopping import DEFAULT_MAX_TIME_S, MAX_ROUNDS, HowPrecise, Precision, enough
from lab.harness.sampling import Cores
from lab.results import RunRecord, Sample, read_run
from tests.fake_measuring import FakeCatalogue, FakeMeasure, environment

CELLS = 4
"""Of each round: epoll, asyncio, its twin and the floor."""


def small_run(**changes: Any) -> RunRecord:
    options = {"backends": ("epoll",), "workloads": ("ring",), "rounds": 2} | changes
    options["settings"] = {("ring", "pairs"): (100,)}
    return plan.build(Selection(**options), environment(), id="r", seed=7, catalogue=FakeCatalogue())


def reached_after(rounds: int) -> HowPrecise:
    def how_precise(record: RunRecord, samples: Sequence[Sample]) -> Precision:
        taken = {sample.round for sample in samples}
        return Precision(len(taken) >= rounds, f"{len(taken)} rounds seen")

    return how_precise


def run(
    record: RunRecord, folder: Path, measure: FakeMeasure, how_precise: HowPrecise, **how: Any
) -> runner.Outcome:
    cores = Cores(None, (None,), "not pinned")
    return runner.run(
        record,
        folder,
        measure=one_by_one(measure),
        cores=cores,
        clock=measure.clock,
        how_precise=how_precise,
        **how,
    )


def rounds_of(measure: FakeMeasure) -> int:
    assert len(measure.cells) % CELLS == 0
    return len(measure.cells) // CELLS


def test_rounds_are_added_until_the_precision_is_reached(tmp_path: Path) -> None:
    events: list[Event] = []
    measure = FakeMeasure()
    outcome = run(small_run(precision=0.05), tmp_path, measure, reached_after(5), on_event=events.append)
    assert rounds_of(measure) == outcome.record.rounds == read_run(tmp_path).record.rounds == 5
    assert outcome.record.stopped == "every interval is narrower than 5 %: 5 rounds seen"
    added = [event for event in events if isinstance(event, RoundAdded)]
    assert [(event.rounds, event.cells) for event in added] == [(3, 12), (4, 16), (5, 20)]
    assert [event.rounds for event in events if isinstance(event, Stopped)] == [5]


def test_the_planned_rounds_are_the_least(tmp_path: Path) -> None:
    measure = FakeMeasure()
    assert run(small_run(precision=0.05), tmp_path, measure, reached_after(1)).record.rounds == 2


def test_without_a_wish_nobody_is_asked_and_nothing_is_said(tmp_path: Path) -> None:
    measure = FakeMeasure()
    record = run(small_run(), tmp_path, measure, reached_after(9)).record
    assert (rounds_of(measure), record.rounds, record.stopped) == (2, 2, None)


def test_no_round_begins_that_would_end_beyond_the_time(tmp_path: Path) -> None:
    measure = FakeMeasure(cost_s=1.0)
    record = run(
        small_run(precision=0.05, max_time_s=3.5 * CELLS), tmp_path, measure, reached_after(99)
    ).record
    assert (rounds_of(measure), record.rounds, record.measured_s) == (3, 3, 3.0 * CELLS)
    assert record.stopped == "another round would take the run beyond 14 s of measuring; 3 rounds seen"


def test_time_alone_cuts_planned_rounds_but_never_the_first(tmp_path: Path) -> None:
    measure = FakeMeasure(cost_s=1.0)
    record = run(small_run(rounds=9, max_time_s=1.0), tmp_path, measure, reached_after(99)).record
    assert (rounds_of(measure), record.rounds, record.status) == (1, 1, "complete")
    assert record.stopped == "measuring took 4 s, and 1 s were the limit"


def test_a_first_round_longer_than_the_limit_is_warned_of_before_it_begins(tmp_path: Path) -> None:
    events: list[Event] = []
    measure = FakeMeasure(cost_s=1.0)
    limited = small_run(rounds=9, max_time_s=0.1)
    outcome = run(limited, tmp_path / "a", measure, reached_after(99), on_event=events.append)
    (warned,) = (event.text for event in events[:2] if isinstance(event, Warned))
    assert warned.startswith("--max-time 0.1s is less than the first round takes, about ")
    assert warned in outcome.record.warnings
    enough_time = run(small_run(max_time_s=100.0), tmp_path / "b", FakeMeasure(), reached_after(99))
    assert enough_time.record.warnings == ()


def test_a_resumed_run_goes_on_under_the_same_rule(tmp_path: Path) -> None:
    first = FakeMeasure(cost_s=1.0, interrupt_at=3 * CELLS + 2)
    wished = small_run(precision=0.05, max_time_s=100.0)
    assert run(wished, tmp_path, first, reached_after(6)).interrupted
    kept, second = read_run(tmp_path), FakeMeasure(cost_s=1.0)
    assert (kept.record.rounds, kept.record.measured_s) == (4, 14.0)
    record = run(kept.record, tmp_path, second, reached_after(6), earlier=kept.samples).record
    assert (record.rounds, record.measured_s) == (6, 24.0)
    cells = [(sample.round, sample.subject) for sample in read_run(tmp_path).samples]
    assert len(cells) == len(set(cells)) == 6 * CELLS


def test_added_rounds_are_those_that_more_planned_rounds_would_have_been(tmp_path: Path) -> None:
    measure = FakeMeasure()
    run(small_run(precision=0.05), tmp_path, measure, reached_after(4))
    planned = [cell.key for cells in plan.rounds(small_run(rounds=4)) for cell in cells]
    assert measure.cells == planned


def test_a_run_without_end_ends_after_the_most_rounds() -> None:
    because = enough(small_run(precision=0.05), MAX_ROUNDS, Precision(False, "still wide"))
    assert because == "1,000 rounds are the most: still wide"


def test_precision_never_goes_without_a_limit_of_time() -> None:
    assert small_run(precision=0.05).max_time_s == DEFAULT_MAX_TIME_S
    assert small_run().max_time_s is None


def test_a_profile_keeps_its_limit_of_time_until_somebody_chooses_what_is_measured() -> None:
    limit_s = PROFILES["quick"].max_time_s
    assert limit_s is not None
    assert limit_s < 240 - 15  # under four minutes, with the trials before and the report behind
    assert Selection().time_limit_s == limit_s
    assert Selection(load_processes=2, syscalls=True).time_limit_s == limit_s
    assert Selection(max_time_s=60.0).time_limit_s == 60.0
    assert Selection(precision=0.05).time_limit_s == DEFAULT_MAX_TIME_S
    for chosen in ({"rounds": 20}, {"duration_s": 1.0}, {"workloads": ("http",)}, {"backends": ("poll",)}):
        assert Selection(**chosen).time_limit_s is None
    assert Selection(profile="full").time_limit_s is None


@pytest.mark.parametrize(
    "wish", [{"precision": 0.0}, {"precision": 5.0}, {"max_time_s": 0.0}, {"max_time_s": 1e9}]
)
def test_wishes_beyond_reason_are_refused(wish: dict[str, float]) -> None:
    with pytest.raises(LabError, match=r"give --(precision|max-time) as"):
        chosen_profile(Selection(**wish))


def test_a_precision_is_refused_in_per_cent() -> None:
    with pytest.raises(LabError, match=r"expected a precision of 0\.1% to 100%, got 200%: give"):
        chosen_profile(Selection(precision=2.0))


def test_the_recorded_command_holds_the_wishes() -> None:
    command = Selection(precision=0.05, max_time_s=600.0).command(seed=1)
    assert command == "muxlab bench --profile quick --precision 5% --max-time 600s --seed 1"
