"""Up to which offered rate each subject keeps up: latency against offered load, and the knee in it.

Rules
- A subject *serves* a rate if, in more than half of the rounds that tell, every request was answered and the
  p99 from the intended send stayed below ``P99_BOUND_MS``.
- What gave in must be the subject: a round that was not served while the load was the limit does not tell. A
  late load only ever adds to the latency, so what was served in spite of it tells. A rate of which no round
  tells is left out of account.
- A round whose sample failed tells, and was not served: a subject that crashes at a rate does not keep up
  with it. A failed sample says in words, in no field, which process gave up first, and a load mostly does so
  over a reply that was wrong or never came. So a load that failed by itself counts here, too.
- The *knee* is a bracket, as the rates are steps: the highest rate below which all were served too, and the
  first one that was not. Nothing is interpolated between them.
- A rate that is served above one that is not contradicts the bracket; whoever tells the knee says so.
- The *interval* of the knee runs from the highest rate that all rounds served to the lowest that none did.
  Served in more than half of the rounds is the median of "served" and "not served", and these are the ends of
  the median's interval (`reports.analysis.estimate`) at each rate; so with many rounds a few are spared. Who
  serves a rate serves all below it, so a round that was disturbed at a low rate moves no end.
- Requests that were never sent have no latency: beyond the knee percentiles say too little, not too much.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import pandas as pd

from lab.results import CapacityRecord, ScenarioRecord, SubjectRecord
from reports.analysis.estimate import FEWEST_ROUNDS, spared
from reports.analysis.judgement import Judgement

MEASURED = (
    "latency_p50_ns",
    "latency_p99_ns",
    "open_offered",
    "open_unserved",
    "open_late_p99_ns",
    "open_uncorrected_p99_ns",
)
"""Columns that a run has only if a sample of an open loop was measured."""

P99_BOUND_MS = 10.0
"""What a service of small requests may take for its slowest hundredth; overload passes any bound at once."""


@dataclass(frozen=True)
class RatePoint:
    """One subject at one rate: medians over the measured rounds that tell (over all measured ones where none
    of them does; NaN where there are none), latencies in milliseconds."""

    rate_per_s: int
    p50_ms: float
    p99_ms: float
    uncorrected_p99_ms: float
    """From the actual send: what a load that waits for its replies would have reported."""
    served_per_s: float
    """Answered requests, in a second of window and draining."""
    unserved: float
    """The share of what was offered that was never sent, as the time for draining was up."""
    told: int
    """Rounds that tell."""
    served_in: int
    """Those of them in which it was served."""
    failed: int
    """Rounds whose sample failed."""
    limited: bool
    """The load was the limit in most rounds."""

    @property
    def served(self) -> bool | None:
        """In more than half of the rounds that tell; None: no round tells."""
        return 2 * self.served_in > self.told if self.told else None

    @property
    def surely_served(self) -> bool:
        """In all rounds that tell, but for those that an interval spares; few rounds are sure of nothing."""
        return self.told >= FEWEST_ROUNDS and self.told - self.served_in <= spared(self.told)

    @property
    def surely_unserved(self) -> bool:
        """In none of them, but for those."""
        return self.told >= FEWEST_ROUNDS and self.served_in <= spared(self.told)


@dataclass(frozen=True)
class KneeInterval:
    """Where the knee lies as far as the rounds can tell, in requests per second."""

    low: int | None
    """The highest rate that was surely served; None: not even the lowest one was."""
    high: int | None
    """The lowest rate beyond that which surely was not; None: not even the highest one was without doubt."""


@dataclass(frozen=True)
class LoadCurve:
    """One subject along the offered rates, ascending."""

    subject: SubjectRecord
    points: tuple[RatePoint, ...]
    """One for every rate of the plan."""
    trial: CapacityRecord | None
    """What it served in a closed loop before the rounds; None where no rates were chosen by that."""

    @property
    def knee(self) -> RatePoint | None:
        """The highest rate that it served together with all below; None if there is none."""
        beyond = self.beyond
        served = [each for each in self.points if each.served]
        below = [each for each in served if beyond is None or each.rate_per_s < beyond.rate_per_s]
        return below[-1] if below else None

    @property
    def beyond(self) -> RatePoint | None:
        """The first rate that it did not serve; None if it served all."""
        return next((each for each in self.points if each.served is False), None)

    @property
    def recovered(self) -> RatePoint | None:
        """The highest rate that it served although a lower one it did not: there, not the rate was too high,
        but something disturbed it. None where the knee parts the rates cleanly."""
        beyond = self.beyond
        above = [each for each in self.points if beyond and each.rate_per_s > beyond.rate_per_s]
        return next((each for each in reversed(above) if each.served), None)

    @property
    def interval(self) -> KneeInterval | None:
        """The bracket, as wide as the rounds leave it; None where ``FEWEST_ROUNDS`` tell at no rate."""
        if all(each.told < FEWEST_ROUNDS for each in self.points):
            return None
        first = self.beyond.rate_per_s if self.beyond else math.inf
        last = max((each.rate_per_s for each in self.points if each.served), default=0)
        below = [each.rate_per_s for each in self.points if each.surely_served and each.rate_per_s < first]
        above = [each.rate_per_s for each in self.points if each.surely_unserved and each.rate_per_s > last]
        return KneeInterval(max(below, default=None), min(above, default=None))


@dataclass(frozen=True)
class OfferedLoad:
    """One scenario at several rates."""

    id: str
    """That of the scenario as a closed loop."""
    title: str
    unit: str
    rates: tuple[int, ...]
    curves: tuple[LoadCurve, ...]
    """Without the twin, and without subjects that have no sample."""
    late_ms: float
    """How long the load held requests that it could have sent: p99 of a sample, the median of all."""
    limited: int
    """Measured samples in which the load was the limit."""
    samples: int
    """Those that were measured: they count, and did not fail."""

    def offers(self, scenario: ScenarioRecord) -> bool:
        """Whether ``scenario`` is this one at one of its rates."""
        return scenario.rate_per_s is not None and without_rate(scenario.id) == self.id


@functools.lru_cache(maxsize=1)  # a report asks at every place that speaks of it
def offered_loads(judgement: Judgement) -> tuple[OfferedLoad, ...]:
    """Every scenario that requests were offered to at some rate, in the order of the plan."""
    families: dict[str, list[ScenarioRecord]] = {}
    for each in (judged.scenario for judged in judgement.scenarios):
        if each.rate_per_s is not None:
            families.setdefault(without_rate(each.id), []).append(each)
    rows = _tried(judgement.frame) if families else judgement.frame
    found = (_offered_load(judgement, name, members, rows) for name, members in families.items())
    return tuple(each for each in found if each.curves)


def _tried(frame: pd.DataFrame) -> pd.DataFrame:
    """The sample of each cell and round: the last one that counts or, where none does, one that failed."""
    is_counted, is_warmup = frame["counted"].astype(bool), frame["warmup"].astype(bool)
    rows = frame[is_counted | ((frame["status"] == "failed") & ~is_warmup)]
    rows = rows.assign(**{name: math.nan for name in MEASURED if name not in rows})
    rows = rows.sort_values("counted", kind="stable")
    return rows.drop_duplicates(["scenario", "subject", "round"], keep="last")


def without_rate(scenario_id: str) -> str:
    """The id that a scenario has as a closed loop."""
    return scenario_id.rpartition("@")[0]


def _offered_load(
    judgement: Judgement, name: str, members: list[ScenarioRecord], rows: pd.DataFrame
) -> OfferedLoad:
    members = sorted(members, key=lambda each: each.rate_per_s or 0)
    mine = rows[rows["scenario"].isin([each.id for each in members])]
    measured = mine[mine["counted"].astype(bool)]
    trials = {each.subject: each for each in judgement.run.record.capacities if each.scenario == name}
    curves = [
        LoadCurve(subject, _points(members, mine[mine["subject"] == subject.name]), trials.get(subject.name))
        for subject in judgement.run.record.subjects
        if subject.twin_of is None
    ]
    return OfferedLoad(
        id=name,
        title=members[0].title.removesuffix(f", {members[0].rate_per_s:,} offered/s"),
        unit=members[0].unit,
        rates=tuple(each.rate_per_s or 0 for each in members),
        curves=tuple(each for each in curves if each.points),
        late_ms=float(measured["open_late_p99_ns"].median()) / 1e6,
        limited=int(measured["client_limited"].astype(bool).sum()),
        samples=len(measured),
    )


def _points(members: list[ScenarioRecord], rows: pd.DataFrame) -> tuple[RatePoint, ...]:
    """A point for each of ``members``; none where there is no sample of any."""
    if rows.empty:
        return ()
    return tuple(_point(each.rate_per_s or 0, rows[rows["scenario"] == each.id]) for each in members)


def _point(rate_per_s: int, rows: pd.DataFrame) -> RatePoint:
    measured = rows[rows["counted"].astype(bool)]
    failed = len(rows) - len(measured)
    is_served = (measured["open_unserved"] == 0) & (measured["latency_p99_ns"] < P99_BOUND_MS * 1e6)
    is_limited = measured["client_limited"].astype(bool)
    telling = is_served[is_served | ~is_limited]
    heard = measured.loc[telling.index] if len(telling) else measured
    shown = ["latency_p50_ns", "latency_p99_ns", "open_uncorrected_p99_ns", "throughput_per_s"]
    p50_ns, p99_ns, uncorrected_p99_ns, served_per_s = map(float, heard[shown].median())
    return RatePoint(
        rate_per_s=rate_per_s,
        p50_ms=p50_ns / 1e6,
        p99_ms=p99_ns / 1e6,
        uncorrected_p99_ms=uncorrected_p99_ns / 1e6,
        served_per_s=served_per_s,
        unserved=float((heard["open_unserved"] / heard["open_offered"]).median()),
        told=len(telling) + failed,
        served_in=int(telling.sum()),
        failed=failed,
        limited=bool(2 * is_limited.sum() > len(rows)),
    )
