"""Verdicts as sentences: the one place where findings become words, shared by the page and the summary.

Rule: plain text only, no mark-up; every number carries its interval, every tie is called a tie.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from reports.analysis.answer import Answer, Champion, champion, lead_scenario, references
from reports.analysis.comparison import Comparison, Verdict
from reports.analysis.estimate import FEWEST_ROUNDS, FIRM_ROUNDS, Estimate
from reports.analysis.explanation import reason
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.analysis.noise import FEWEST_PAIRS, Trust
from reports.analysis.scaling import main_scalings

NOTABLE_GROWTH = 1.25
"""Growth along the axis from which a curve is said to rise."""
NOISY_FLOOR = 0.15


def number(value: float | None) -> str:
    """About three digits, with thousands separators, for columns; a dash for what is not there."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    if abs(value) < 0.0005:
        return "<0.001"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 2 if abs(value) >= 0.1 else 3)}f}"


def brief(value: float | None) -> str:
    """The same for sentences: no trailing zeros."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def times(value: float) -> str:
    """A ratio: two decimals below 10."""
    return f"{value:.2f}x" if abs(value) < 9.995 else f"{value:,.0f}x"


def interval(estimate: Estimate) -> str:
    """The interval alone, or that there is none."""
    if not estimate.has_interval:
        return "one round, no interval"
    low, high = times(estimate.low)[:-1], times(estimate.high)[:-1]
    return f"{low}-{high}" + (", indicative" if estimate.indicative else "")


def ratio(estimate: Estimate | None) -> str:
    """``0.48x (0.47-0.50)``."""
    return f"{times(estimate.value)} ({interval(estimate)})" if estimate else "-"


def percent(share: float) -> str:
    """A share as per cent."""
    return f"{share * 100:.1f} %"


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def possessive(name: str, judgement: Judgement) -> str:
    """``uvloop's``, ``the floor's``."""
    is_floor = judgement.floor is not None and judgement.floor.name == name
    return f"the {name}'s" if is_floor else f"{name}'s"


def headline(judgement: Judgement, found: Answer | None) -> str:
    """The answer in one sentence."""
    if found is None:
        return "This run holds no sample that could be judged."
    best = found.champion
    what = (
        "serves sockets" if found.lead.scenario.load == "closed" else f"does {found.lead.scenario.workload}"
    )
    if too_few_rounds(judgement):
        return f"{best.name} has the lowest cost here, but the rounds are too few to call it the best."
    cheaper = [each.reference for each in found.against if _beats(judgement, each)]
    names = listed([best.name, *best.shares_with])
    if cheaper:
        are = "are the best backends" if best.shares_with else "is the best backend"
        return f"{names} {are} on this machine, but {cheaper[0]} {what} cheaper still."
    return f"{names} {_plural(what) if best.shares_with else what} best on this machine."


def _beats(judgement: Judgement, against: Comparison) -> bool:
    """Another loop, not the floor, costs less than the champion."""
    is_floor = judgement.floor is not None and judgement.floor.name == against.reference
    return against.verdict is Verdict.WORSE and not is_floor


def _plural(phrase: str) -> str:
    verb, _, rest = phrase.partition(" ")
    return f"{'do' if verb == 'does' else verb.removesuffix('s')} {rest}"


def too_few_rounds(judgement: Judgement) -> bool:
    """No cell has the rounds that a verdict needs."""
    rounds = [c.cost.rounds for each in judgement.scenarios for c in each.cells.values() if c.cost]
    return max(rounds, default=0) < FEWEST_ROUNDS


def tie(best: Champion, judgement: Judgement) -> str:
    """That several share the title; empty when nobody does."""
    if not best.shares_with or too_few_rounds(judgement):
        return ""
    return f"There is no difference beyond noise between {listed([best.name, *best.shares_with])}."


def by_how_much(judgement: Judgement, found: Answer) -> str:
    """The champion's cost in the lead scenario, against other loops, the floor and the other backends."""
    name, lead = found.champion.name, found.lead
    cost, unit = lead.cells[name].cost, lead.scenario.unit
    against = compared(judgement, found.against, unit)
    said = f"{lead.scenario.title}: {name} takes {number(cost.value if cost else None)} µs of server CPU "
    said += f"per {unit}" + (f", {against}." if against else ".")
    others = [
        f"{times(each.ratio.value)} {each.reference}'s ({interval(each.ratio)}, {place})"
        for each, place in ((found.runner_up, "the nearest that differs"), (found.last, "the costliest"))
        if each and each.ratio
    ]
    if found.runner_up and found.last and found.runner_up.reference == found.last.reference:
        others = others[:1]
    if others and found.are_backends:
        said += f" Among the backends it takes {listed(others)}."
    return said


def compared(judgement: Judgement, against: Iterable[Comparison], unit: str) -> str:
    """``0.48x uvloop's CPU per request (0.47-0.50), 1.3x the floor's (...)``; ties are named as such."""
    parts: list[str] = []
    for each in against:
        if each.ratio is None:
            continue
        whose = possessive(each.reference, judgement) + (f" CPU per {unit}" if not parts else "")
        note = ", no difference beyond noise" if each.verdict is Verdict.NO_DIFFERENCE else ""
        parts.append(f"{times(each.ratio.value)} {whose} ({interval(each.ratio)}{note})")
    return ", ".join(parts)


def exceptions(best: Champion) -> str:
    """Where the champion is not among the best; empty when it always is."""
    if not best.exceptions:
        return ""
    shown = [f"{judged.scenario.title} ({listed(names)})" for judged, names in best.exceptions[:3]]
    more = len(best.exceptions) - len(shown)
    return f"Others are better in {len(best.exceptions)} of {best.of} scenarios: {'; '.join(shown)}" + (
        f"; and {more} more." if more else "."
    )


def how_sure(judgement: Judgement, best: Champion | None = None) -> str:
    """Rounds, noise floor and the A/A pair, in a few words."""
    record, noise = judgement.run.record, judgement.noise
    said = f"{record.rounds} rounds of {brief(record.duration_s)} s windows, a fresh server process each. "
    if best:
        said += f"{best.name} is among the best in {best.wins} of {best.of} scenarios judged. "
    said += a_a_statement(judgement)
    said += f" Differences below {percent(noise.floor)} count as none."
    if record.rounds < FIRM_ROUNDS:
        said += f" With fewer than {FIRM_ROUNDS} rounds, intervals are only indicative."
    return said


def a_a_statement(judgement: Judgement) -> str:
    """What the control measured against itself shows."""
    noise = judgement.noise
    if noise.trust is Trust.NO_PAIR:
        return "No A/A pair was measured, so the noise floor is assumed, not known."
    twin = judgement.twin.twin_of if judgement.twin else "the control"
    off = percent(abs(noise.ratio.value - 1)) if noise.ratio else "-"
    seen = f"{twin} measured twice lies {off} apart over {noise.pairs} pairs"
    if noise.trust is Trust.CANNOT_TELL:
        return f"A/A check: {seen}; fewer than {FEWEST_PAIRS} pairs cannot show whether that is chance."
    share = percent(noise.probability) if noise.probability >= 0.001 else "less than 0.1 %"
    chance = f"chance alone does as much in {share} of runs"
    if noise.trust is Trust.DIFFERS:
        where = (
            f", most in {noise.worst_scenario} ({times(noise.worst_ratio)})" if noise.worst_scenario else ""
        )
        return f"A/A check FAILED: {seen}{where}; {chance}."
    return f"A/A check passed: {seen}; {chance}."


@dataclass(frozen=True)
class Banner:
    """What must be read before anything else."""

    alarm: bool
    """The verdicts below must not be believed; False: they hold, with care."""
    what: str
    todo: str


def banners(judgement: Judgement) -> list[Banner]:
    """What is wrong with the run, the worst first."""
    found = []
    record, frame, noise = judgement.run.record, judgement.frame, judgement.noise
    if noise.trust is Trust.DIFFERS:
        todo = "Close other programs, then repeat with more rounds (--rounds) or longer windows (--duration)."
        found.append(Banner(True, "This run is not to be trusted. " + a_a_statement(judgement), todo))
    elif noise.floor > NOISY_FLOOR:
        said = f"This run is noisy: identical subjects lie up to {percent(noise.floor)} apart."
        found.append(Banner(False, said, "Close other programs, or repeat with more rounds (--rounds)."))
    if record.status != "complete":
        said = f"This run ended early, after {len(frame)} of {judgement.samples_planned} samples."
        found.append(Banner(False, said, f"Continue it with: muxlab bench --resume {judgement.run.folder}"))
    failed = int((frame["status"] == "failed").sum())
    if failed:
        said = f"{failed} of {len(frame)} samples failed; they are excluded from every figure."
        found.append(Banner(False, said, "See 'Failed samples' for what was expected and what came."))
    return found


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


def growth(judgement: Judgement) -> list[str]:
    """One sentence a scaling family: who pays per descriptor, who does not, who ends."""
    said = []
    for family in main_scalings(judgement):
        whole = [c for c in family.curves if c.growth is not None and c.points[-1][0] == family.values[-1]]
        whole.sort(key=lambda curve: -(curve.growth or 0))
        risen = [
            f"{c.subject.name} {times(c.growth)}" for c in whole if c.growth and c.growth >= NOTABLE_GROWTH
        ]
        level = [c.subject.name for c in whole if c.growth and c.growth < NOTABLE_GROWTH]
        parts = [f"the cost grows by {', '.join(risen)}"] if risen else []
        parts += [f"{listed(level)} {_stay(level)} within {times(NOTABLE_GROWTH)}"] if level else []
        parts += [
            f"{c.subject.name} ends at {c.points[-1][0]:,}" for c in family.curves if c.points and c.ends
        ]
        if parts:
            span = f"From {family.values[0]:,} to {family.values[-1]:,} {family.axis}"
            said.append(f"{span} ({family.workload}): {'; '.join(parts)}.")
    return said


def _stay(names: list[str]) -> str:
    return "stay" if len(names) > 1 else "stays"


def workload_verdict(judgement: Judgement, members: list[ScenarioJudgement]) -> str:
    """The verdict on one workload, over all its scenarios, among all loops."""
    best = champion(members, lambda cell: cell.competes)
    if best is None:
        return "No result."
    lead = lead_scenario(members, best.name)
    against = [lead.compare(best.name, each.name) for each in references(judgement, lead, best.name)]
    tied = bool(best.shares_with) and not too_few_rounds(judgement)
    names = [best.name, *best.shares_with]
    if too_few_rounds(judgement):
        said = f"{best.name} has the lowest median, on too few rounds for a verdict"
    elif tied and all(set(each.ranking) <= set(names) for each in members):
        said = f"no difference beyond noise between {listed(names)}"
    else:
        said = f"{listed(names)} {'are' if tied else 'is'} best"
        said += f" in {best.wins} of {best.of} scenarios" if best.of > 1 else ""
        said += ", with no difference beyond noise between them" if tied else ""
    text = compared(judgement, against, lead.scenario.unit)
    owner = f"{best.name} takes " if best.shares_with or best.of > 1 else ""
    where = f" ({lead.scenario.title})" if best.of > 1 else ""
    return said + (f": {owner}{text}{where}." if text else ".") + (" " + exceptions(best)).rstrip()
