"""The first sentence of a report: who is best, where not everywhere, and up to which rate.

Rule: it claims no more than the scenarios that decided allow. Who is among the best in some of them only is
called so, and a loop that is as good or cheaper in any of them stands in the same sentence.
"""

from __future__ import annotations

from collections.abc import Collection

from reports.analysis.answer import Answer, is_backend
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.pages import knees, tally
from reports.pages.phrases import listed, plural


def question(found: Answer | None) -> str:
    """What the run asks."""
    if found is not None and found.lead.scenario.program:
        return "which loop serves your program best on this machine?"
    return "which readiness backend serves sockets best on this machine?"


def headline(judgement: Judgement, found: Answer | None) -> str:
    """The answer in one sentence; a second one says who keeps up to which rate, where rates were offered."""
    if found is None:
        return tally.without_verdict(judgement)
    best, program = found.champion, found.lead.scenario.program
    if best.untested:
        costs = f"{best.name} costs {f'your program ({program.name}) ' if program else ''}least here"
        among = "Of the backends, " if found.are_backends else ""
        return f"{among}{costs}, but the rounds are too few to call it the best."
    said = _title_of_program(found, program.name) if program else _title(judgement, found)
    keeping_up = knees.kept_up(judgement, found.lead.scenario, [best.name, *best.shares_with])
    return f"{said} {keeping_up}".strip()


def _title(judgement: Judgement, found: Answer) -> str:
    """Who is the best backend, and whether another loop is as good or better."""
    best, tied = found.champion, bool(found.champion.shares_with)
    names, does = listed([best.name, *best.shares_with]), _does(found.decided_on)
    alone = _backends_measured(judgement) == {best.name}
    only = ", the only backend measured," if alone else ""
    best_is = _best(found)
    serves = f"{names}{only} {_plural(does) if tied else does} {best_is}{_where(found)} on this machine"
    title = f"are the {best_is} backends" if tied else f"is the {best_is} backend"
    titled = f"{names} {title}{_where(found)} on this machine, but"
    if alone:
        titled = f"{names} is the only backend measured, and"
    if not found.rivals:
        return f"{serves}."
    if cheaper := found.rivals[0].cheaper_in:
        still = "" if alone or len(cheaper) < len(found.decided_on) else " still"
        return f"{titled} {found.rivals[0].name} {does} cheaper{still}{_among(cheaper, found)}."
    level, in_some = _level(found)
    return (
        f"{serves}, but cannot be told from {level}{in_some}."
        if in_some
        else f"{titled} cannot be told from {level}."
    )


def _level(found: Answer) -> tuple[str, str]:
    """``uvloop and asyncio``, everywhere; ``uvloop or asyncio`` and `` in 2 of 6 scenarios``."""
    met = {each.scenario.id: each for rival in found.rivals for each in rival.level_in}
    names = [each.name for each in found.rivals]
    same = all(len(each.level_in) == len(met) for each in found.rivals)
    return listed(names) if same else " or ".join(names), _among(met.values(), found)


def _title_of_program(found: Answer, program: str) -> str:
    """Which loop serves somebody's own program best: all compete."""
    best = found.champion
    names = [best.name, *best.shares_with]
    if len(names) > 1 and all(set(each.ranking) <= set(names) for each in found.decided_on):
        return f"For your program ({program}), there is no difference beyond noise between {listed(names)}."
    serve = "serve" if best.shares_with else "serves"
    return f"{listed(names)} {serve} your program ({program}) {_best(found)}{_where(found)} on this machine."


def _does(scenarios: Collection[ScenarioJudgement]) -> str:
    """``serves sockets``, ``handles ring and timers``."""
    if any(each.scenario.has_server for each in scenarios):
        return "serves sockets"
    names = list(dict.fromkeys(each.scenario.workload for each in scenarios))
    return f"handles {listed(names) if len(names) <= 3 else f'these {len(names)} workloads'}"


def _best(found: Answer) -> str:
    """What least CPU makes one: at offered rates, how far it keeps up is another question."""
    return "cheapest" if all(each.scenario.load == "open" for each in found.decided_on) else "best"


def _where(found: Answer) -> str:
    """In how many scenarios the champion is among the best, or at which rates; empty where in all."""
    best = found.champion
    if best.wins < best.of:
        return f" in {best.wins} of {best.of} scenarios"
    rates = sorted({each.scenario.rate_per_s or 0 for each in found.decided_on})
    if not rates[0]:
        return ""
    span = f"{rates[0]:,}" if len(rates) == 1 else f"{rates[0]:,} to {rates[-1]:,}"
    return f" at {span} offered {plural(found.lead.scenario.unit)}/s"


def _among(some: Collection[ScenarioJudgement], found: Answer) -> str:
    """`` in 2 of 6 scenarios``; empty for all of them."""
    number = len(found.decided_on)
    return f" in {len(some)} of {number} scenarios" if len(some) < number else ""


def _backends_measured(judgement: Judgement) -> set[str]:
    cells = [cell for each in judgement.scenarios for cell in each.cells.values()]
    return {cell.subject.name for cell in cells if is_backend(cell)}


def _plural(phrase: str) -> str:
    verb, _, rest = phrase.partition(" ")
    return f"{verb.removesuffix('s')} {rest}"
