"""The whole judgement of a run: results in, comparisons and rankings out; nothing is read or drawn here.

Rule: names decide nothing. Who is the control, the twin, the floor or a mini-loop comes from the records.
The best of a scenario is a set: the lowest median, and everyone the data cannot tell from it. Who has fewer
rounds than a verdict needs is not judged where others have enough: nobody could be told from it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.results import Run, ScenarioRecord, SubjectRecord
from reports.analysis.cells import Cell, CellBuilder, paired
from reports.analysis.comparison import Comparison, Verdict, compare
from reports.analysis.estimate import FEWEST_ROUNDS, Values, ratios
from reports.analysis.noise import NoiseCheck, check, relative_scatter
from reports.analysis.speed import CoreSpeed
from reports.analysis.tidy import counted, tidy


@dataclass(frozen=True)
class ScenarioJudgement:
    """One scenario: a cell for every subject, and who is best."""

    scenario: ScenarioRecord
    cells: dict[str, Cell]
    ranking: tuple[str, ...]
    """Competitors by ascending median cost, those with ``FEWEST_ROUNDS`` or, where nobody has them, all.
    Neither the floor nor the twin."""
    best: tuple[str, ...]
    """The first of the ranking and those that cannot be told from it; empty below ``FEWEST_ROUNDS``."""
    pairs: dict[str, Values]
    noise_floor: float

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Competitors that have a cost, but fewer rounds than a verdict needs where others have enough."""
        return tuple(each for each, cell in self.cells.items() if cell.competes and each not in self.ranking)

    @property
    def floor(self) -> Cell | None:
        """The floor's cell where it has a cost; somebody's own program has none."""
        return next(
            (each for each in self.cells.values() if each.subject.kind == "floor" and each.cost), None
        )

    def compare(self, subject: str, reference: str) -> Comparison:
        """Any two subjects of this scenario, paired by round."""
        if subject not in self.pairs or reference not in self.pairs:
            return compare(reference, np.empty(0), self.noise_floor)
        return compare(reference, ratios(self.pairs[subject], self.pairs[reference]), self.noise_floor)

    def disagreement(self, subject: str, reference: str) -> float | None:
        """The ratio of the two medians where it lies beyond the noise floor from the paired one; else None.

        Both estimate the same; they part when the machine's speed changed between samples.
        """
        mine, theirs = self.cells[subject].cost, self.cells[reference].cost
        paired_ratio = self.compare(subject, reference).ratio
        if not (mine and theirs and paired_ratio) or paired_ratio.rounds < FEWEST_ROUNDS:
            return None
        of_medians = mine.value / theirs.value
        apart = math.expm1(abs(math.log(of_medians / paired_ratio.value)))
        return of_medians if apart > self.noise_floor else None


@dataclass(frozen=True, eq=False)
class Judgement:
    """Everything that the pages and figures say about a run. Equal to itself alone, so that what is derived
    from it can be kept."""

    run: Run
    frame: pd.DataFrame
    """All samples, tidy."""
    core: CoreSpeed
    """What they tell of the measured core."""
    noise: NoiseCheck
    scenarios: tuple[ScenarioJudgement, ...]
    control: SubjectRecord | None
    floor: SubjectRecord | None
    twin: SubjectRecord | None

    @property
    def samples_counted(self) -> int:
        return int(self.frame["counted"].astype(bool).sum())

    @property
    def rounds(self) -> int:
        """Those that were taken, where most were: fewer than planned in a run that ended early."""
        rows = self.frame[self.frame["counted"].astype(bool)]
        return int(rows.groupby(["scenario", "subject"])["round"].nunique().max()) if len(rows) else 0

    @property
    def samples_planned(self) -> int:
        """Samples, warm-ups included, that the plan holds when nothing ends it early."""
        record = self.run.record
        whole = {each.subject for each in record.not_run if each.scenario is None}
        skipped = {(each.subject, each.scenario) for each in record.not_run}
        cells = [
            (subject.name, scenario.id)
            for subject in record.subjects
            for scenario in record.scenarios
            if subject.name not in whole and (subject.name, scenario.id) not in skipped
        ]
        return len(cells) * (record.rounds + record.warmup_rounds)

    def workloads(self) -> dict[str, list[ScenarioJudgement]]:
        """Scenarios by workload, or by the program that is somebody's own, both in the order of the plan."""
        grouped: dict[str, list[ScenarioJudgement]] = {}
        for each in self.scenarios:
            grouped.setdefault(each.scenario.work, []).append(each)
        return grouped


def judge(run: Run) -> Judgement:
    """Judge ``run``. Deterministic: the run's seed drives the only random draw, that of the A/A check."""
    table = tidy(run.record, run.samples)
    rows = counted(table.frame)
    subjects = run.record.subjects
    twin = next((each for each in subjects if each.twin_of), None)
    floor = next((each for each in subjects if each.kind == "floor"), None)
    pairs = {scenario.id: paired(rows, scenario.id) for scenario in run.record.scenarios}
    scatter = relative_scatter(pairs, run.record.control.name) if run.record.control else {}
    noise = check(_twin_logs(pairs, twin), run.record.seed, scatter)
    builder = CellBuilder(run, rows, table.frame)
    judged = []
    for scenario in run.record.scenarios:
        cells = {subject.name: builder.build(subject, scenario) for subject in subjects}
        judged.append(_judge_scenario(run, scenario, cells, pairs[scenario.id], noise, floor))
    return Judgement(run, table.frame, table.core, noise, tuple(judged), run.record.control, floor, twin)


def _twin_logs(pairs: dict[str, dict[str, Values]], twin: SubjectRecord | None) -> dict[str, Values]:
    """Log ratios of the twin over the subject it repeats, by scenario."""
    logs: dict[str, Values] = {}
    for scenario, costs in pairs.items():
        if twin and twin.name in costs and twin.twin_of in costs:
            values = np.log(costs[twin.name] / costs[twin.twin_of])
            logs[scenario] = values[np.isfinite(values)]
    return logs


def _judge_scenario(
    run: Run,
    scenario: ScenarioRecord,
    cells: dict[str, Cell],
    pairs: dict[str, Values],
    noise: NoiseCheck,
    floor: SubjectRecord | None,
) -> ScenarioJudgement:
    ranking = _ranking(cells)
    judged = ScenarioJudgement(scenario, cells, ranking, (), pairs, noise.floor_for(scenario.id))
    control = run.record.control
    compared = {
        name: dataclasses.replace(
            cell,
            to_control=judged.compare(name, control.name) if control else None,
            to_floor=judged.compare(name, floor.name) if floor else None,
            to_best=judged.compare(name, ranking[0]) if ranking else None,
        )
        for name, cell in cells.items()
    }
    return dataclasses.replace(judged, cells=compared, best=_best(compared, ranking))


def _ranking(cells: dict[str, Cell]) -> tuple[str, ...]:
    rivals = [cell for cell in cells.values() if cell.competes]
    firm = [cell for cell in rivals if len(cell.costs) >= FEWEST_ROUNDS] or rivals
    firm.sort(key=lambda cell: cell.cost.value if cell.cost else 0.0)
    return tuple(cell.subject.name for cell in firm)


def _best(cells: dict[str, Cell], ranking: tuple[str, ...]) -> tuple[str, ...]:
    """The leader, and who cannot be told from it: an unmeasurable difference is no victory either.

    Nobody is the best on fewer rounds than a verdict needs.
    """
    if not ranking or len(cells[ranking[0]].costs) < FEWEST_ROUNDS:
        return ()
    losers = {name for name in ranking[1:] if (to := cells[name].to_best) and to.verdict is Verdict.WORSE}
    return tuple(name for name in ranking if name not in losers)
