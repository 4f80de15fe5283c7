"""Latency against several offered rates in words and tables: for the page and the summary alike.

Rule: a knee is told as the bracket that it is, with the bound it stands for and, where that is wider, its
interval; what could not be said, because the load was the limit or the rounds were too few, is said so, and
so is that samples failed.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.results import CapacityRecord, ScenarioRecord
from reports.analysis.estimate import FEWEST_ROUNDS, FIRM_ROUNDS
from reports.analysis.judgement import Judgement
from reports.analysis.knee import P99_BOUND_MS, LoadCurve, OfferedLoad, RatePoint, offered_loads
from reports.pages.phrases import brief, called, counted, listed, number, percent, plural
from reports.pages.subject_table import SubjectTable

BOUND = f"p99 below {brief(P99_BOUND_MS)} ms"

TOO_FEW = f"without an interval, on fewer than {FEWEST_ROUNDS} rounds"

HEADINGS = (
    "knee: served up to, thousand/s",
    "no longer at",
    "interval, per second",
    "p99 there, ms",
    "from the actual send",
    "p99 beyond, ms",
    "from the actual send",
    "thousand/s served beyond",
    "closed-loop trial, thousand/s",
)


def sentences(judgement: Judgement) -> list[str]:
    """One a scenario: up to which rate each subject keeps up, the best first."""
    return [_said(each) for each in _at_several_rates(judgement)]


def _at_several_rates(judgement: Judgement) -> list[OfferedLoad]:
    """One rate has no knee: of that tells `reports.pages.one_rate`."""
    return [each for each in offered_loads(judgement) if len(each.rates) > 1]


def _said(load: OfferedLoad) -> str:
    known = [curve for curve in _by_knee(load) if curve.knee or curve.beyond]
    knees = listed(f"{ranged(curve)} on {called(curve.subject)}" for curve in known)
    said = (
        f"{load.title}: offered {plural(load.unit)} per second that are all answered, with {BOUND} from the "
    )
    said += f"intended send{_about_intervals(known)}: {knees or 'not known'}."
    again = [
        f"{called(each.subject)} served {each.recovered.rate_per_s:,}" for each in known if each.recovered
    ]
    if again:
        said += f" But {listed(again)} again, so a knee below that is in doubt: more rounds would tell."
    failed = [
        f"{called(each.subject)} at {each.beyond.rate_per_s:,}"
        for each in known
        if each.beyond and each.beyond.failed
    ]
    if failed:
        said += f" A failed sample counts as not served: of {listed(failed)}."
    if 2 * load.limited > load.samples:
        said += f" The load was the limit in {_limited(load)}: the knees may lie higher."
    return said


def kept_up(judgement: Judgement, scenario: ScenarioRecord, names: list[str]) -> str:
    """Up to which rate each of ``names`` keeps up in ``scenario`` and its other rates, and a competitor that
    does so further; empty where no rates were offered, or it is not known without a doubt."""
    load = next((each for each in offered_loads(judgement) if each.offers(scenario)), None)
    if load is None or 2 * load.limited > load.samples:
        return ""
    known = [each for each in _by_knee(load) if (each.knee or each.beyond) and not each.recovered]
    wanted = [curve for curve in known if curve.subject.name in names]
    highest = max((_knee_per_s(curve) for curve in wanted), default=0)
    further = [c for c in known if c.subject.kind != "floor" and _knee_per_s(c) > highest]
    is_one = len(load.rates) == 1
    said = listed(_kept_up(curve, load.unit, is_one) for curve in (*wanted, *further[:1]))
    return f"{said}." if wanted else ""


def _kept_up(curve: LoadCurve, unit: str, is_one: bool) -> str:
    name, knee, beyond = curve.subject.name, curve.knee, curve.beyond
    if knee is None:
        return f"{name} does not keep up with {beyond.rate_per_s if beyond else 0:,} {plural(unit)}/s"
    if is_one:
        return f"{name} keeps up with {knee.rate_per_s:,} {plural(unit)}/s"
    said = f"{name} keeps up to {'' if beyond else 'at least '}{knee.rate_per_s:,} {plural(unit)}/s"
    return f"{said} (interval {_interval(curve)})" if _is_wider(curve) else said


def _knee_per_s(curve: LoadCurve) -> int:
    return curve.knee.rate_per_s if curve.knee else 0


def unpunctual(judgement: Judgement) -> str:
    """Which schedules the load itself could not keep in most samples; empty where it kept all."""
    broken = [each for each in offered_loads(judgement) if 2 * each.limited > each.samples]
    return listed(f"{_limited(each)} ({each.title})" for each in broken)


def tables(judgement: Judgement) -> list[SubjectTable]:
    """A table a scenario, for the page."""
    return [
        SubjectTable(each.title, HEADINGS, tuple((c.subject.name, _cells(c)) for c in _by_knee(each)))
        for each in _at_several_rates(judgement)
    ]


def notes(judgement: Judgement) -> list[str]:
    """What each scenario says of its load: how punctual it was, and in how many samples it was the limit."""
    return [
        f"{each.title}: the load held requests that it could have sent for {number(each.late_ms)} ms at p99 "
        f"(median of all samples). It was the limit in {_limited(each)}."
        for each in offered_loads(judgement)
        if each.samples
    ]


def markdown_table(judgement: Judgement) -> str:
    """One table for all scenarios, for the summary; empty where no rates were offered."""
    loads = _at_several_rates(judgement)
    if not loads:
        return ""
    names = dict.fromkeys(curve.subject.name for each in loads for curve in each.curves)
    rows = ["| subject | " + " | ".join(each.title for each in loads) + " |"]
    rows.append("| --- |" + " ---: |" * len(loads))
    for name in names:
        curves = [next((c for c in each.curves if c.subject.name == name), None) for each in loads]
        cells = [ranged(curve) if curve else "-" for curve in curves]
        rows.append(f"| {name.replace('|', '&#124;').replace('<', '&lt;')} | " + " | ".join(cells) + " |")
    unit, about = plural(loads[0].unit), _about_intervals(curve for each in loads for curve in each.curves)
    return f"The knee: offered {unit} per second that are all answered, {BOUND}{about}:\n\n" + "\n".join(rows)


def bracket(curve: LoadCurve) -> str:
    """``30,000 to 36,000`` (served, no longer served), ``below 5,000``, ``36,000 or more``."""
    knee, beyond = curve.knee, curve.beyond
    if not (knee or beyond):
        return "not known: the load was the limit"
    return _between(knee.rate_per_s if knee else None, beyond.rate_per_s if beyond else None)


def ranged(curve: LoadCurve) -> str:
    """The bracket, and behind it the interval where it is wider: ``30,000 to 36,000 (25,000 to 36,000)``."""
    return f"{bracket(curve)} ({_interval(curve)})" if _is_wider(curve) else bracket(curve)


def _is_wider(curve: LoadCurve) -> bool:
    return curve.interval is not None and _interval(curve) != bracket(curve)


def _interval(curve: LoadCurve) -> str:
    return _between(curve.interval.low, curve.interval.high) if curve.interval else "-"


def _between(low: int | None, high: int | None) -> str:
    if low is None:
        return "open at both ends" if high is None else f"below {high:,}"
    return f"{low:,} or more" if high is None else f"{low:,} to {high:,}"


def _about_intervals(curves: Iterable[LoadCurve]) -> str:
    """What `ranged` has in brackets, or why it has nothing there; empty where all brackets are sure."""
    curves = list(curves)
    if any(_is_wider(curve) for curve in curves):
        few = max(point.told for curve in curves for point in curve.points) < FIRM_ROUNDS
        return f" (in brackets the interval, where it is wider{', indicative' if few else ''})"
    return f" ({TOO_FEW})" if curves and not any(curve.interval for curve in curves) else ""


def _limited(load: OfferedLoad) -> str:
    return f"{load.limited or 'none'} of {counted(load.samples, 'sample')}"


def _by_knee(load: OfferedLoad) -> list[LoadCurve]:
    """The curves, the highest knee first."""
    return sorted(load.curves, key=_knee_per_s, reverse=True)


def _cells(curve: LoadCurve) -> tuple[tuple[str, str], ...]:
    knee, beyond = curve.knee, curve.beyond
    at_knee = _failed(knee) if knee else "not the lowest" if beyond else ""
    return (
        (_thousands(knee.rate_per_s) if knee else "-", at_knee),
        (_thousands(beyond.rate_per_s) if beyond else "-", _why(curve)),
        (_interval(curve), "" if curve.interval else f"fewer than {FEWEST_ROUNDS} rounds"),
        *_latencies(knee),
        *_latencies(beyond),
        (_thousands(beyond.served_per_s) if beyond else "-", ""),
        _trial(curve.trial),
    )


def _latencies(point: RatePoint | None) -> tuple[tuple[str, str], tuple[str, str]]:
    if point is None:
        return ("-", ""), ("-", "")
    return (number(point.p99_ms), ""), (number(point.uncorrected_p99_ms), "")


def _why(curve: LoadCurve) -> str:
    """What gave in at the first rate that was not served, or why there is none."""
    if curve.beyond is None:
        untold = [each for each in curve.points if each.served is None]
        if any(each.limited for each in untold):
            return "the load was the limit"
        return "not all were measured" if untold else "all were served"
    if curve.beyond.failed:
        return _failed(curve.beyond)
    return f"{percent(curve.beyond.unserved)} never sent" if curve.beyond.unserved else ""


def _failed(point: RatePoint) -> str:
    return f"{counted(point.failed, 'sample')} failed" if point.failed else ""


def _trial(trial: CapacityRecord | None) -> tuple[str, str]:
    if trial is None or not trial.per_s:
        return "-", "failed" if trial else ""
    return _thousands(trial.per_s), "client-limited" if trial.client_limited else ""


def _thousands(per_s: float) -> str:
    return number(per_s / 1e3)
