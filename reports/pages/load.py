"""The load in words: its ceiling, and whether throughput and latency agree.

Rule: what comes nearest to the ceiling, and how often the load was the limit, is said in the summary; a
broken law in a banner; both again where their figures stand.
"""

from __future__ import annotations

from lab.results import ScenarioRecord
from reports.analysis.judgement import Judgement
from reports.analysis.load import LITTLE_BOUND, LoadCheck, check_loads
from reports.pages.phrases import called, counted, listed, number, percent, plural


def note(judgement: Judgement, scenario_id: str) -> str:
    """What the table of a scenario says of its load; empty where there was none."""
    scenario = next(each.scenario for each in judgement.scenarios if each.scenario.id == scenario_id)
    found = check_loads(judgement)[scenario_id]
    if found is None:
        return ""
    parts = (_ceiling(found, scenario.unit), _busy(found), _little(found), _lost(found))
    return " ".join(part for part in parts if part)


def summary(judgement: Judgement) -> str:
    """How near the load came to being what was measured; empty where there was none."""
    checks = check_loads(judgement)
    scenarios = [each.scenario for each in judgement.scenarios]
    checked = [(scenario, found) for scenario in scenarios if (found := checks[scenario.id])]
    if not checked:
        return ""
    said = (
        f"{_whose(max(found.processes for _, found in checked))}. {_nearest(checked)}The load was the limit"
    )
    subjects = {each.name: called(each) for each in judgement.run.record.subjects}
    limited = [subjects[name] for _, found in checked for name in found.client_limited]
    if not limited:
        return f"{said} in no sample."
    return (
        f"{said} (client-limited) in {counted(len(limited), 'sample')}: of {listed(dict.fromkeys(limited))}."
    )


def _nearest(checked: list[tuple[ScenarioRecord, LoadCheck]]) -> str:
    """Who came nearest to the ceiling; empty where there was no floor to find it with."""
    near = [(found.taken, scenario, found) for scenario, found in checked if found.taken > 0]
    if not near:
        return ""
    taken, scenario, found = max(near, key=lambda each: each[0])
    name, _per_s = found.fastest or ("", 0.0)
    ceiling = f"an estimated {number((found.ceiling_per_s or 0) / 1e3)} thousand {plural(scenario.unit)}/s"
    if taken >= 1:  # an estimate can be passed
        return f"{name} reached the load's own ceiling, {ceiling} ({scenario.title}). "
    came = f"{name}, at {percent(taken)} of {ceiling} ({scenario.title})"
    return f"Nearest to the load's own ceiling came {came}. "


def _whose(processes: int) -> str:
    return "One process" if processes == 1 else f"Up to {processes} processes"


def contradictions(judgement: Judgement) -> list[tuple[str, LoadCheck]]:
    """Titles of the scenarios in which a sample broke Little's law, with what was found."""
    found = [(each.scenario.title, check_loads(judgement)[each.scenario.id]) for each in judgement.scenarios]
    return [(title, check) for title, check in found if check and check.off]


def _ceiling(found: LoadCheck, unit: str) -> str:
    if not found.ceiling_per_s:
        return ""
    several = "" if found.processes == 1 else f", in {found.processes} processes"
    said = f"The load's own ceiling{several}: {number(found.ceiling_per_s / 1e3)} thousand {plural(unit)}/s "
    said += f"(against the floor, which kept it busy for {percent(found.busy)} of the window)"
    if found.fastest is None:
        return said + "."
    share = "all" if found.taken >= 1 else percent(found.taken)
    return f"{said}; the fastest subject, {found.fastest[0]}, took {share} of that."


def _busy(found: LoadCheck) -> str:
    """How busy each subject kept the load, from the least to the most."""
    if not found.utilisation:
        return ""
    least, most = (pick(found.utilisation, key=found.utilisation.__getitem__) for pick in (min, max))
    low, high = percent(found.utilisation[least]), percent(found.utilisation[most])
    if low == high:
        who = most if len(found.utilisation) == 1 else "Each subject"
        return f"{who} kept the load busy for {high} of the window."
    return f"The subjects kept the load busy for {low} ({least}) to {high} ({most}) of the window."


def _little(found: LoadCheck) -> str:
    if not found.checked:
        return ""
    kept = "what the load counted along" if found.on_the_way is None else found.on_the_way
    law = f"Little's law (throughput x mean latency = {kept} on the way)"
    if not found.off:
        samples = counted(found.checked, "sample")
        return f"{law} holds in all {samples}, within {percent(abs(found.worst))}."
    who = listed(dict.fromkeys(found.off))
    return (
        f"{law} is broken in {len(found.off)} of {counted(found.checked, 'sample')} ({who}), by up to "
        f"{percent(abs(found.worst))}; {LITTLE_BOUND * 100:.0f} % and the ends of its slices are forgiven. "
        "Do not trust their throughput and latency."
    )


def _lost(found: LoadCheck) -> str:
    if not found.lost:
        return ""
    who = listed(f"{name} {count:,}" for name, count in found.lost.items())
    return (
        f"Datagrams without a reply in time: {who}. They are no operations, but what the server did for them "
        "is in its CPU."
    )
