"""Verdicts as sentences: who is best, by how much and why, shared by the page and the summary.

Rule: plain text only, no mark-up; every ratio carries its interval, here or in the workload's verdict, and
every tie is called a tie. The first sentence of all is `reports.pages.headline`'s; how far the run can be
believed is said in `reports.pages.trust`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reports.analysis.answer import (
    Answer,
    Champion,
    Rival,
    champion,
    is_backend,
    lead_scenario,
    leaders,
    references,
)
from reports.analysis.comparison import Comparison, Verdict
from reports.analysis.explanation import reason
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.pages import phrases
from reports.pages.phrases import brief, counted, interval, listed, number, times

SHOWN_AT_MOST = 3
"""Scenarios that a sentence names; of more it has the number."""


def possessive(name: str, judgement: Judgement) -> str:
    """``uvloop's``, ``the floor's``."""
    is_floor = judgement.floor is not None and judgement.floor.name == name
    return f"the {name}'s" if is_floor else f"{name}'s"


def tie(found: Answer) -> str:
    """That several share the title, and where they part all the same; empty when nobody does."""
    best = found.champion
    if not best.shares_with or best.untested:
        return ""
    where = f" in any of {best.of} scenarios" if best.of > 1 else ""
    said = f"There is no difference beyond noise between {listed([best.name, *best.shares_with])}{where}."
    parting = [
        f"{best.name} takes {times(compared.ratio.value)} {name}'s CPU per {judged.scenario.unit} "
        f"in {judged.scenario.title}"
        for name in best.shares_with
        for judged in found.apart
        if (compared := judged.compare(best.name, name)).told_apart and compared.ratio
    ]
    if parting:
        more = f"; and {len(parting) - SHOWN_AT_MOST} more" if len(parting) > SHOWN_AT_MOST else ""
        said += f" They part in what is judged apart: {'; '.join(parting[:SHOWN_AT_MOST])}{more}."
    return said


def by_how_much(judgement: Judgement, found: Answer) -> str:
    """The champion's cost in the lead scenario, against other loops, the floor and the other backends."""
    name, lead = found.champion.name, found.lead
    cost, unit = lead.cells[name].cost, lead.scenario.unit
    against = compared(judgement, found.against, unit, bare=True)
    said = f"{lead.scenario.title}: {name} takes {number(cost.value if cost else None)} µs of server CPU "
    said += f"per {unit}" + (f", {against}." if against else ".")
    others = [
        f"{times(each.ratio.value)} {each.reference}'s ({interval(each.ratio)}, {place})"
        for each, place in ((found.runner_up, "the nearest that differs"), (found.last, "the costliest"))
        if each and each.ratio and (found.are_backends or each not in found.against)
    ]
    if found.runner_up and found.last and found.runner_up.reference == found.last.reference:
        others = others[:1]
    if others and (found.are_backends or lead.scenario.program):
        among = "backends" if found.are_backends else "other loops"
        said += f" Among the {among} it takes {listed(others)}."
    return said


def compared(judgement: Judgement, against: Iterable[Comparison], unit: str, *, bare: bool = False) -> str:
    """``0.48x uvloop's CPU per request (0.47-0.50, 2.1x faster), 1.3x the floor's (...)``.

    ``bare``: without intervals and verdicts, where the sentence that holds them stands close by; ties are
    named nevertheless.
    """
    parts: list[str] = []
    for each in against:
        if each.ratio is None:
            continue
        whose = possessive(each.reference, judgement) + (f" CPU per {unit}" if not (parts or bare) else "")
        notes = [] if bare else [interval(each.ratio), phrases.verdict(each)]
        notes += [each.verdict.value] if bare and each.verdict is Verdict.NO_DIFFERENCE else []
        parts.append(f"{times(each.ratio.value)} {whose}" + (f" ({', '.join(notes)})" if notes else ""))
    return ", ".join(parts)


def exceptions(best: Champion) -> str:
    """Where the champion is not among the best; empty when it always is."""
    if not best.exceptions:
        return ""
    shown = [
        f"{judged.scenario.title} ({listed(names)})" for judged, names in best.exceptions[:SHOWN_AT_MOST]
    ]
    more = len(best.exceptions) - len(shown)
    return f"Others are better in {len(best.exceptions)} of {best.of} scenarios: {'; '.join(shown)}" + (
        f"; and {more} more." if more else "."
    )


def other_loops(found: Answer) -> str:
    """Where loops other than the mini-loop are as cheap as the champion, or cheaper; empty where none is, or
    where there is one scenario only, of which `by_how_much` tells all."""
    if len(found.decided_on) < 2:
        return ""
    alike: dict[str, list[str]] = {}
    for each in found.rivals:
        alike.setdefault(_stands(each, found.champion.name), []).append(each.name)
    return " ".join(
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} {standing}."
        for standing, names in alike.items()
    )


def _stands(rival: Rival, best: str) -> str:
    cheaper = f"cheaper than {best} in {_places(rival.cheaper_in)}" if rival.cheaper_in else ""
    level = f"not to be told from {best} in {_places(rival.level_in)}" if rival.level_in else ""
    return ", and ".join(part for part in (cheaper, level) if part)


def _places(scenarios: tuple[ScenarioJudgement, ...]) -> str:
    """``2 scenarios (Echo over streams, 64 connections; ...)``, three by name at most."""
    titles = [each.scenario.title for each in scenarios]
    more = [f"and {len(titles) - SHOWN_AT_MOST} more"] if len(titles) > SHOWN_AT_MOST else []
    return f"{counted(len(titles), 'scenario')} ({'; '.join(titles[:SHOWN_AT_MOST] + more)})"


def because(found: Answer) -> list[str]:
    """Where the saving comes from, against the dearest other loop and the dearest backend."""
    references = [each.reference for each in found.against if each.verdict is Verdict.BETTER][-1:]
    references += [found.last.reference] if found.last and found.are_backends else []
    said = []
    for reference in references:
        why = reason(found.lead, found.champion.name, reference)
        if why is None:
            continue
        unit = found.lead.scenario.unit
        text = f"{found.champion.name} saves {brief(why.saving_us)} µs per {unit} against {reference}: "
        text += ", ".join([_share(why.system_us, "in the kernel"), _share(why.user_us, "in user code")])
        counts = [f"{label} {brief(here)} against {brief(there)}" for label, here, there in why.witnesses]
        said.append(text + (f"; per {unit}: {', '.join(counts)}." if counts else "."))
    return said


def _share(saving_us: float, where: str) -> str:
    return f"{brief(abs(saving_us))} µs {'less' if saving_us >= 0 else 'more'} {where}"


def workload_verdict(judgement: Judgement, members: list[ScenarioJudgement]) -> str:
    """The verdict on one workload, over all its scenarios, among all loops."""
    best = champion(members, lambda cell: cell.competes)
    if best is None:
        return _no_result(members)
    lead = lead_scenario(members, best.name)
    against = [lead.compare(best.name, each.name) for each in references(judgement, lead, best.name)]
    tied = bool(best.shares_with) and not best.untested
    names = [best.name, *best.shares_with]
    if best.untested:
        said = f"{best.name} has the lowest median, on too few rounds for a verdict"
    elif tied and all(set(each.ranking) <= set(names) for each in members):
        said = f"no difference beyond noise between {listed(names)}"
    else:
        said = f"{listed(names)} {'are' if tied else 'is'} "
        said += "among the best" if _shared(members, names) else "best"
        said += f" in {best.wins} of {best.of} scenarios" if best.of > 1 else ""
        said += ", with no difference beyond noise between them" if tied else ""
    text = compared(judgement, against, lead.scenario.unit)
    owner = f"{best.name} takes " if best.shares_with or best.of > 1 else ""
    where = f" ({lead.scenario.title})" if best.of > 1 else ""
    said += f": {owner}{text}{where}." if text else "."
    return " ".join(
        part for part in (said, _best_backend(judgement, members, best), exceptions(best)) if part
    )


def _shared(members: list[ScenarioJudgement], names: list[str]) -> bool:
    """Whether others are among the best of a scenario, too."""
    return any(set(leaders(each, lambda cell: cell.competes)) - set(names) for each in members)


def _no_result(members: list[ScenarioJudgement]) -> str:
    """That nobody has a figure, and why most have none."""
    reasons = Counter(cell.missing for each in members for cell in each.cells.values() if cell.missing)
    return f"No result: {reasons.most_common(1)[0][0].rstrip('.')}." if reasons else "No result."


def _best_backend(judgement: Judgement, members: list[ScenarioJudgement], leader: Champion) -> str:
    """The best of the backends against a leader that is none; empty where the leader is one."""
    best = champion(members, is_backend)
    if best is None or any(is_backend(each.cells[leader.name]) for each in members):
        return ""
    lead = lead_scenario(members, best.name)
    others = [each.name for each in references(judgement, lead, best.name)]
    names = dict.fromkeys([leader.name, *others] if lead.cells[leader.name].cost else others)
    text = compared(judgement, [lead.compare(best.name, name) for name in names], lead.scenario.unit)
    won = f" in {best.wins} of {best.of} scenarios" if best.wins < best.of else ""
    where = f" ({lead.scenario.title})" if best.of > 1 else ""
    return f"The best of the backends{won}, {best.name}, takes {text}{where}." if text else ""
