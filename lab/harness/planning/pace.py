"""How long the rest of a run will take, from the cells that are done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from lab.harness.planning.plan import Cell, cell_estimate_s
from lab.results import RunRecord


class Pace:
    """The time left of a run: measured means by scenario; for a scenario not yet seen, the plan's figure
    corrected by how wrong it was about the others."""

    def __init__(self, record: RunRecord, cells: Iterable[Cell]) -> None:
        self._planned_s = {each.id: cell_estimate_s(record, each) for each in record.scenarios}
        self._left = Counter(cell.scenario.id for cell in cells)
        self._took_s: defaultdict[str, list[float]] = defaultdict(list)

    def added(self, cells: Iterable[Cell]) -> None:
        """More cells to measure."""
        self._left.update(cell.scenario.id for cell in cells)

    def estimate_s(self, cells: Iterable[Cell]) -> float:
        """What ``cells`` should take, in seconds."""
        correction = self._correction()
        return sum(self._one_s(cell.scenario.id, correction) for cell in cells)

    def finished(self, cell: Cell, took_s: float) -> None:
        """One more cell has been measured and took so long."""
        self._took_s[cell.scenario.id].append(took_s)
        self._left[cell.scenario.id] -= 1

    def dropped(self, cell: Cell) -> None:
        """One cell less to measure."""
        self._left[cell.scenario.id] -= 1

    @property
    def remaining_s(self) -> float:
        """Seconds until the last cell is done."""
        correction = self._correction()
        return sum(count * self._one_s(scenario, correction) for scenario, count in self._left.items())

    def _one_s(self, scenario: str, correction: float) -> float:
        took = self._took_s.get(scenario)
        return sum(took) / len(took) if took else self._planned_s[scenario] * correction

    def _correction(self) -> float:
        planned = sum(len(took) * self._planned_s[scenario] for scenario, took in self._took_s.items())
        return sum(map(sum, self._took_s.values())) / planned if planned else 1.0
