"""What the load could do at most, and whether its figures agree with each other.

*The ceiling*: the requests it could drive in a second if its busiest core were full, taken against the floor,
which keeps it busiest. A subject that comes near it is measured by the load, not by itself. One process that
uses a core to half could drive twice as much; so could two on a core each. Two that share one could not, and
their shares of it are added up before they get here (`Sample.load_utilisation`).

*Little's law*: in a closed loop the requests on the way are as many as there are clients waiting, so
throughput times mean latency must give that number back, whatever the server does. It checks the load's
clocks and counts without a second measurement. The two ends of each slice of the window, where not all
clients wait, put it off by up to one request for each client, and a last reply that is late by as long as it
is; ``LITTLE_BOUND`` is what is forgiven beyond that. In an open loop nothing fixes that number, so the load
counts along how many requests are on the way, and the law must give that. There the throughput is the offered
rate, so nothing is said of a ceiling.

Pitfall: where clients rest between two operations, fewer are on the way than there are clients, and how many
is the server's doing. A pipeline's messages that are back early wait for the others of their ``depth``; the
small requests of ``mixed`` are over before the last large replies are. Nothing is held against the law there,
nor in a sample that lost datagrams: waiting for them was no operation's latency.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.results import ScenarioRecord
from reports.analysis.judgement import Judgement
from reports.analysis.tidy import counted

LITTLE_BOUND = 0.10


@dataclass(frozen=True)
class LoadCheck:
    """The load under one scenario."""

    ceiling_per_s: float | None
    """Operations in a second of a full core, against the floor; None where that was not measured."""
    busy: float
    """Share of the window that the load took of its busiest core then; NaN without a ceiling."""
    utilisation: dict[str, float]
    """The same under each competitor, by subject: medians over the rounds."""
    processes: int
    """Load processes."""
    client_limited: tuple[str, ...]
    """The subjects of the samples in which the load was the limit, one for each; the floor's among them."""
    fastest: tuple[str, float] | None
    """The competitor of highest median throughput, and that."""
    on_the_way: int | None
    """How many operations the clients keep on the way; None where nothing fixes it."""
    checked: int
    """Samples held against Little's law."""
    off: tuple[str, ...]
    """The subjects of those that broke it, one for each sample."""
    worst: float
    """The largest deviation, as a signed share; NaN where nothing was checked."""
    lost: dict[str, int]
    """Datagrams that no reply came to in time, by subject; those that lost none are left out."""

    @property
    def taken(self) -> float:
        """The share of the ceiling that the fastest competitor took; NaN where one of them is missing."""
        return self.fastest[1] / self.ceiling_per_s if self.fastest and self.ceiling_per_s else math.nan


@functools.lru_cache(maxsize=1)  # a report asks at every place that speaks of it
def check_loads(judgement: Judgement) -> dict[str, LoadCheck | None]:
    """`check_load` of every scenario, by its id."""
    return {each.scenario.id: check_load(judgement, each.scenario) for each in judgement.scenarios}


def check_load(judgement: Judgement, scenario: ScenarioRecord) -> LoadCheck | None:
    """The load's ceiling, and whether it obeys Little's law; None without a load process."""
    rows = counted(judgement.frame)
    rows = rows[(rows["scenario"] == scenario.id) & (rows["load_cpu_s"].fillna(0) > 0)]
    if not scenario.has_server or rows.empty:
        return None
    is_open = scenario.load == "open"
    floor = rows[(rows["subject_kind"] == "floor") & (not is_open)]
    kept = None if is_open else on_the_way(scenario)
    whole = rows[rows["lost"] == 0]
    off = _deviations(whole, whole["open_on_the_way"] if is_open else kept)
    ends = _at_the_ends(rows.loc[off.index], kept or 1)
    stragglers = _waiting_for_the_last(rows.loc[off.index])
    broken = off[(off > LITTLE_BOUND + ends) | (off < -LITTLE_BOUND - np.maximum(ends, stragglers))]
    return LoadCheck(
        ceiling_per_s=_ceiling_per_s(floor),
        busy=float(floor["load_utilisation"].median()) if len(floor) else math.nan,
        utilisation=_utilisation(rows),
        processes=max(1, *(len(json.loads(each)) for each in rows["load_utilisations"])),
        client_limited=tuple(rows.loc[rows["client_limited"].astype(bool), "subject"]),
        fastest=None if is_open else _fastest(rows),
        on_the_way=kept,
        checked=len(off),
        off=tuple(str(name) for name in rows.loc[broken.index, "subject"]),
        worst=float(off.loc[off.abs().idxmax()]) if len(off) else math.nan,
        lost={str(name): int(lost) for name, lost in rows.groupby("subject")["lost"].sum().items() if lost},
    )


def _deviations(rows: pd.DataFrame, expected: pd.Series | int | None) -> pd.Series:
    """How far each sample's product is from what is on the way, as shares; empty where that is not known."""
    if expected is None or "latency_mean_ns" not in rows:
        return pd.Series(dtype=float)
    return (rows["concurrency"] / expected - 1).dropna()


def _at_the_ends(rows: pd.DataFrame, clients: int) -> pd.Series:
    """By how much the ends of its slices may put each sample off, as a share."""
    return clients * _slices(rows) / rows["operations"]


def _waiting_for_the_last(rows: pd.DataFrame) -> pd.Series:
    """How many fewer, as a share, may be on the way since the others rest while each slice's last reply is
    late: no later than the longest latency."""
    if "latency_max_ns" not in rows:
        return pd.Series(0.0, index=rows.index)
    return _slices(rows) * rows["latency_max_ns"] / 1e9 / rows["window_s"]


def _slices(rows: pd.DataFrame) -> pd.Series:
    return rows["slice_cpu_s"].map(lambda each: max(1, len(json.loads(each))))


def _ceiling_per_s(floor: pd.DataFrame) -> float | None:
    return float((floor["throughput_per_s"] / floor["load_utilisation"]).median()) if len(floor) else None


def on_the_way(scenario: ScenarioRecord) -> int | None:
    """How many operations the clients keep on the way at any time, as the scenario's parameters say; None
    where clients rest now and then."""
    values = scenario.parameters
    if "bulk" in values or values.get("depth", 1) > 1:
        return None
    return values.get("active", values.get("connections"))


def _fastest(rows: pd.DataFrame) -> tuple[str, float] | None:
    medians = _competing(rows).groupby("subject")["throughput_per_s"].median()
    return (str(medians.idxmax()), float(medians.max())) if len(medians) else None


def _utilisation(rows: pd.DataFrame) -> dict[str, float]:
    medians = _competing(rows).groupby("subject")["load_utilisation"].median().dropna()
    return {str(name): float(value) for name, value in medians.items()}


def _competing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["subject_kind"] != "floor") & rows["twin_of"].isna()]
