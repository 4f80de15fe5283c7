"""What a run will measure, in which order, and how long that may take.

A plan is a `RunRecord`: everything here follows from it alone, the shuffled order too, so that an
interrupted run can be resumed from its ``run.json``.

Rules
- Every run has the control, the control's A/A twin and the floor, whatever else was selected.
- A round is a randomised block design: the scenarios in shuffled order, within each the subjects in shuffled
  order, every cell once. Ratios are paired by round and scenario; subjects that are compared thus stand
  together, and what the machine does moves them together (`lab.harness.blocks`).
- A cell that cannot run here is a `NotRun` with its reason, not a gap and not a failure.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.errors import LabError
from lab.harness import subjects
from lab.harness.measured.program import READY_S
from lab.harness.planning.profiles import PROFILES, Profile
from lab.harness.planning.selection import Selection, chosen_profile, scenarios
from lab.harness.sampling import Timing
from lab.results import Environment, NotRun, RunRecord, ScenarioRecord, SubjectRecord
from lab.workloads.registry import workload

START_S = 0.25
"""From nothing to a server and a load process that are ready, and back: two Python starts and two ends."""
DESCRIPTOR_S, CONNECTION_S = 25e-6, 80e-6
"""What each descriptor of the measured process, and each connection of the load, adds to that."""
PROGRAM_START_S = 1.5
"""The same where the server is a command of somebody's own: more imports, and a wait until it rests."""
DEADLINE_FACTOR, DEADLINE_LEAST_S = 10, 30.0
"""A sample that takes this many times what it should, and at least so many seconds, has hung."""
NOT_TIMED = "It is not timed, unless with --nonconforming."
TIMED_ANYWAY = "It was timed because of --nonconforming: it may do less than the others, or something else."

Pair = tuple[SubjectRecord, ScenarioRecord]


class Catalogue(Protocol):
    """What a plan asks about subjects; the module `lab.harness.subjects` answers it."""

    CONTROL: str
    FLOOR: str
    twin_name: str
    describe: Callable[[str], SubjectRecord]
    unavailable: Callable[[str], str | None]
    nonconforming: Callable[[str], str | None]
    cannot_run: Callable[[str, ScenarioRecord, int], str | None]
    default_names: Callable[[], list[str]]


@dataclass(frozen=True)
class Cell:
    """One subject under one scenario in one round: what a sample fills."""

    round: int
    order: int
    subject: SubjectRecord
    scenario: ScenarioRecord
    warmup: bool = False

    @property
    def key(self) -> tuple[int, str, str]:
        """What a sample of this cell has in common with it: round, subject, scenario."""
        return self.round, self.subject.name, self.scenario.id


def build(
    selection: Selection,
    environment: Environment,
    *,
    id: str,
    seed: int,
    warnings: Sequence[str] = (),
    catalogue: Catalogue = subjects,
) -> RunRecord:
    """The record of the run that ``selection`` asks for on this machine; raises `LabError` if none can be."""
    chosen = chosen_profile(selection)
    planned = scenarios(selection)
    names = _subject_names(selection, chosen, catalogue)
    missing, cautions = _missing(names, selection, catalogue)
    present = [name for name in names if name not in missing]
    _check_something_is_left(selection, missing)
    not_run = _left_out(planned, present, environment.descriptor_limit, catalogue)
    return RunRecord(
        id=id,
        muxlab=environment.muxlab,
        created_at=environment.captured_at,
        profile=chosen.name,
        seed=seed,
        rounds=selection.rounds or chosen.rounds,
        warmup_rounds=chosen.warmup_rounds,
        duration_s=selection.duration_s or chosen.window_s,
        subjects=tuple(_records(present, catalogue)),
        scenarios=planned,
        not_run=(*(NotRun(name, None, reason) for name, reason in missing.items()), *not_run),
        environment=environment,
        command=selection.command(seed),
        warnings=(*warnings, *cautions),
        precision=selection.precision,
        max_time_s=selection.time_limit_s,
        load_processes=selection.load_processes or 1,
    )


def pairs(record: RunRecord) -> list[Pair]:
    """Who can run what, in the order of the plan."""
    left_out = {(each.subject, each.scenario) for each in record.not_run}
    return [
        (subject, scenario)
        for scenario in record.scenarios
        for subject in record.subjects
        if (subject.name, scenario.id) not in left_out
    ]


def rounds(record: RunRecord) -> Iterator[tuple[Cell, ...]]:
    """The rounds in order, warm-up first, each a shuffled pass over all cells that can run."""
    return itertools.islice(every_round(record), record.warmup_rounds + record.rounds)


def every_round(record: RunRecord) -> Iterator[tuple[Cell, ...]]:
    """The same, and after the planned rounds, without end, those that could be added."""
    generator = random.Random(record.seed)
    left_out = {(each.subject, each.scenario) for each in record.not_run}
    order = 0
    for number in itertools.count(-record.warmup_rounds):
        cells = []
        for scenario in generator.sample(record.scenarios, len(record.scenarios)):
            for subject in generator.sample(record.subjects, len(record.subjects)):
                if (subject.name, scenario.id) not in left_out:
                    cells.append(Cell(number, order + len(cells), subject, scenario, warmup=number < 0))
        order += len(cells)
        yield tuple(cells)


def load_seed(record: RunRecord, cell: Cell) -> int:
    """The seed of a cell's load: the same for all subjects of a round, so that they face the same bytes."""
    return record.seed ^ zlib.crc32(f"{cell.round} {cell.scenario.id}".encode())


def timing(record: RunRecord, scenario: ScenarioRecord) -> Timing:
    """How long a sample of this scenario warms up and measures, and when it counts as hung."""
    warmup_s = PROFILES[record.profile].warmup_s if record.profile in PROFILES else 0.1
    least_s = DEADLINE_LEAST_S + (READY_S if _is_command(scenario) else 0.0)
    deadline_s = max(least_s, DEADLINE_FACTOR * _cell_s(record.duration_s, warmup_s, scenario))
    return Timing(window_s=record.duration_s, warmup_s=warmup_s, deadline_s=deadline_s)


def cell_estimate_s(record: RunRecord, scenario: ScenarioRecord) -> float:
    """What a sample of this scenario should take, in seconds, before any has been measured."""
    return _cell_s(record.duration_s, timing(record, scenario).warmup_s, scenario)


def estimate_s(record: RunRecord) -> float:
    """What the whole run should take, in seconds."""
    return sum(cell_estimate_s(record, cell.scenario) for cells in rounds(record) for cell in cells)


def _cell_s(window_s: float, warmup_s: float, scenario: ScenarioRecord) -> float:
    named, values = workload(scenario.workload, scenario.program), scenario.parameters
    opening_s = (
        named.server_descriptors(values) * DESCRIPTOR_S + named.load_descriptors(values) * CONNECTION_S
    )
    start_s = PROGRAM_START_S if _is_command(scenario) else START_S
    return start_s + opening_s + warmup_s + window_s


def _is_command(scenario: ScenarioRecord) -> bool:
    return scenario.program is not None and scenario.program.kind == "command"


def _subject_names(selection: Selection, chosen: Profile, catalogue: Catalogue) -> list[str]:
    """The names to measure, without the twin, each once: the selected ones, the control, the floor."""
    names = [catalogue.describe(name).name for name in selection.backends if name != catalogue.twin_name]
    if not selection.backends:
        names = catalogue.default_names()
        if chosen.subjects is not None:
            names = [name for name in names if name in chosen.subjects]
    return list(dict.fromkeys([*names, catalogue.CONTROL, catalogue.FLOOR]))


def _missing(
    names: Sequence[str], selection: Selection, catalogue: Catalogue
) -> tuple[dict[str, str], list[str]]:
    """Who cannot take part, and why; and what to say of those that may although they fail a check."""
    missing = {name: reason for name in names if (reason := catalogue.unavailable(name))}
    strange = {name: reason for name in names if (reason := catalogue.nonconforming(name))}
    if selection.nonconforming:
        return missing, [f"{name} {reason}. {TIMED_ANYWAY}" for name, reason in strange.items()]
    return missing | {name: f"{reason}. {NOT_TIMED}" for name, reason in strange.items()}, []


def _check_something_is_left(selection: Selection, missing: dict[str, str]) -> None:
    """Asked for by name and all missing: comparing the control with itself is not what was meant."""
    if selection.backends and all(name in missing for name in selection.backends):
        reasons = _told_together({(name, ""): reason for name, reason in missing.items()})
        todo = "see `muxlab backends`"
        if all(":" in name for name in selection.backends):
            todo = "name what makes a new event loop when it is called without arguments, as module:factory"
        raise LabError(f"nothing that was selected can run here ({reasons}): {todo}")


def _left_out(
    planned: Sequence[ScenarioRecord], present: Sequence[str], limit: int, catalogue: Catalogue
) -> list[NotRun]:
    """The cells that cannot run; raises `LabError` if that is all of them."""
    reasons = {
        (name, scenario.id): reason
        for scenario in planned
        for name in present
        if (reason := catalogue.cannot_run(name, scenario, limit))
    }
    if len(reasons) == len(planned) * len(present):
        raise LabError(f"nothing of what was selected can run here: {_told_together(reasons)}")
    rows = []
    for (name, scenario_id), reason in reasons.items():
        twin = [catalogue.twin_name] if name == catalogue.CONTROL else []
        rows += [NotRun(each, scenario_id, reason) for each in (name, *twin)]
    return rows


def _told_together(reasons: Mapping[tuple[str, str], str]) -> str:
    """Why each subject cannot run, by its first reason: ``poll, asyncio: ...; select: ...``."""
    names: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for name, _ in reasons):
        first = next(reason for (each, _), reason in reasons.items() if each == name)
        names.setdefault(first, []).append(name)
    return "; ".join(f"{', '.join(named)}: {reason}" for reason, named in names.items())


def _records(names: Iterable[str], catalogue: Catalogue) -> Iterator[SubjectRecord]:
    for name in names:
        is_control = name == catalogue.CONTROL
        fails = catalogue.nonconforming(name)
        record = dataclasses.replace(catalogue.describe(name), control=is_control, fails=fails)
        yield record
        if is_control:
            yield dataclasses.replace(
                record,
                name=catalogue.twin_name,
                label=f"{record.label}, measured again",
                control=False,
                twin_of=name,
            )
