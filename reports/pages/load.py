"""The load in words: its ceiling, and whether throughput and latency agree.

Rule: a broken law is said where it is read first, in a banner, and where its figures stand.
"""

from __future__ import annotations

from reports.analysis.judgement import Judgement
from reports.analysis.load import LITTLE_BOUND, LoadCheck, check_load
from reports.pages.phrases import counted, listed, number, percent, plural


def note(judgement: Judgement, scenario_id: str) -> str:
    """What the table of a scenario says of its load; empty where there was none."""
    scenario = next(each.scenario for each in judgement.scenarios if each.scenario.id == scenario_id)
    found = check_load(judgement, scenario)
    if found is None:
        return ""
    return " ".join(part for part in (_ceiling(found, scenario.unit), _little(found)) if part)


def contradictions(judgement: Judgement) -> list[tuple[str, LoadCheck]]:
    """Titles of the scenarios in which a sample broke Little's law, with what was found."""
    found = [(each.scenario.title, check_load(judgement, each.scenario)) for each in judgement.scenarios]
    return [(title, check) for title, check in found if check and check.off]


def _ceiling(found: LoadCheck, unit: str) -> str:
    if not found.ceiling_per_s:
        return ""
    said = f"The load's own ceiling: {number(found.ceiling_per_s / 1e3)} thousand {plural(unit)}/s "
    said += f"(against the floor, which kept it busy for {percent(found.busy)} of the window)"
    if found.fastest is None:
        return said + "."
    name, per_s = found.fastest
    return f"{said}; the fastest subject, {name}, took {percent(per_s / found.ceiling_per_s)} of that."


def _little(found: LoadCheck) -> str:
    if not found.checked:
        return ""
    law = f"Little's law (throughput x mean latency = {found.on_the_way} on the way)"
    if not found.off:
        samples = counted(found.checked, "sample")
        return f"{law} holds in all {samples}, within {percent(abs(found.worst))}."
    who = listed(dict.fromkeys(found.off))
    return (
        f"{law} is broken in {len(found.off)} of {counted(found.checked, 'sample')} ({who}), by up to "
        f"{percent(abs(found.worst))}; {LITTLE_BOUND * 100:.0f} % and the window's ends are forgiven. "
        "Do not trust their throughput and latency."
    )
