"""How far a run can be believed, as sentences: rounds, noise, the A/A pair, and what went wrong.

Rule: every figure is called what it is. The noise floor is what chance can do, not what was seen; the A/A
difference over all pairs, in which scenarios can cancel, never stands without the largest of one scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.analysis.answer import Answer, champion, lead_scenario, references
from reports.analysis.estimate import FIRM_ROUNDS
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.analysis.noise import FEWEST_PAIRS, Trust
from reports.analysis.restless import restless
from reports.analysis.twins import apart_for_clients
from reports.pages import seasoning, tally
from reports.pages.knees import unpunctual
from reports.pages.load import contradictions
from reports.pages.phrases import apart, brief, called, counted, listed, percent, times

NOISY_FLOOR = 0.15
SHOWN_AT_MOST = 3


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
    record, noise = judgement.run.record, judgement.noise
    if noise.trust is Trust.DIFFERS:
        todo = "Close other programs, then repeat with more rounds (--rounds) or longer windows (--duration)."
        found.append(Banner(True, "This run is not to be trusted. " + a_a_statement(judgement), todo))
    elif noise.widest_floor > NOISY_FLOOR:
        but = ", though the A/A check finds no bias" if noise.trust is Trust.HOLDS else ""
        said = f"This run is noisy{but}: {_chance(judgement)}"
        found.append(Banner(False, said, "Close other programs, or repeat with more rounds (--rounds)."))
    if broken := contradictions(judgement):
        off = sum(len(check.off) for _, check in broken)
        said = f"In {counted(off, 'sample')} throughput and latency contradict each other (Little's law)."
        where = listed(title for title, _ in broken[:SHOWN_AT_MOST])
        found.append(Banner(False, said, f"See the tables of {where}; CPU is not concerned."))
    if late := unpunctual(judgement):
        said = f"The load could not keep its schedule by itself: it was the limit in {late}."
        found.append(Banner(False, said, "Close other programs, or offer lower rates (--rate)."))
    for name, share in restless(judgement.run.samples).items():
        said = f"{name} took {percent(share)} of the server's core while the others had the turn: "
        said += "it polls where it could block. What it took from them is in no account of its own."
        found.append(Banner(False, said, f"Compare the others in a run without {name} (-b)."))
    for subject in record.subjects:
        if subject.fails:
            said = f"{subject.name} {subject.fails}."
            todo = (
                "It was timed because of --nonconforming: it may do less than the others, or something else."
            )
            found.append(Banner(False, said, todo))
    if record.status != "complete":
        found.append(Banner(False, tally.ended_early(judgement), tally.going_on(judgement)))
    elif said := tally.lost(judgement):
        found.append(Banner(False, said, tally.going_on(judgement)))
    if said := tally.unjudged(judgement):
        found.append(Banner(False, said, "What they cost stands in the tables; more rounds would tell."))
    if said := tally.failures(judgement):
        found.append(Banner(False, said, "See 'Failed samples' for what was expected and what came."))
    return found


def _chance(judgement: Judgement) -> str:
    """What noise can do, and where the pair shows that it did more."""
    noise = judgement.noise
    floors = _range([*noise.by_chance.values()] or [noise.floor])
    said = f"a median of {counted(noise.rounds, 'round')} can differ by about {floors} by chance alone"
    worst = noise.worst_scenario or ""
    seen = (noise.offsets or {}).get(worst, 0.0)
    if seen > noise.by_chance.get(worst, noise.floor):
        lay = f"two identical subjects lay {apart(seen)} apart in {_worst_place(judgement)}"
        return f"{said}, and {lay}: there no smaller difference counts."
    return f"{said}."


def noise_floors(judgement: Judgement) -> str:
    """The noise floor that verdicts use, or its range over the scenarios."""
    return _range([each.noise_floor for each in judgement.scenarios] or [judgement.noise.floor])


def _range(floors: Sequence[float]) -> str:
    low, high = apart(min(floors)), apart(max(floors))
    return high if low == high else f"{low} to {high} by scenario"


def noise_note(judgement: Judgement, noise_floors: Sequence[float]) -> str:
    """What a figure of costs says of noise, given the noise floors of what it shows."""
    floors = _range(noise_floors)
    if judgement.noise.trust is Trust.NO_PAIR:
        return f"Differences in CPU below the noise floor ({floors}; assumed, no A/A pair) count as none."
    return f"Differences in CPU below the noise floor ({floors}; from the A/A pair) count as none."


def latency_noise_note(judgement: Judgement, shown: Sequence[ScenarioJudgement], where: str = "") -> str:
    """What a figure of latencies says of noise: the floor is one of CPU, but the pair itself shows both.

    ``shown``: the scenarios that the figure is of; ``where`` says which of its points are meant, if not all.
    """
    twin = judgement.twin
    if twin is None:
        return "How far noise moves latency and throughput is not known: no A/A pair was measured."
    seen = apart_for_clients(judgement, shown)
    if not seen:
        return f"How far noise moves latency is not known: {twin.twin_of} and {twin.name} have none{where}."
    widest = listed(f"{apart(value)} in {name}" for name, value in seen.items())
    return (
        f"Noise: {twin.twin_of} and {twin.name}, the same loop, lie up to {widest} apart{where}; smaller "
        "differences may be chance."
    )


def how_sure(judgement: Judgement, found: Answer) -> str:
    """Rounds, noise floor and the A/A pair, in a few words."""
    record, best = judgement.run.record, found.champion
    rounds = judgement.rounds
    taken = counted(rounds, "round") if rounds >= record.rounds else f"{rounds} of {record.rounds} rounds"
    said = f"{taken} of {brief(record.duration_s)} s windows, "
    said += f"a new server process each, its allocator {seasoning.state(record)}. "
    if not best.untested:
        among = "Of the backends" if found.are_backends else "Of all loops"
        said += f"{among} {best.name} is best, or not to be told from the best, in {best.wins} of {best.of} "
        said += f"{_judged(judgement, found)}. "
    said += a_a_statement(judgement)
    said += f" Differences below the noise floor ({noise_floors(judgement)}) count as none."
    if record.stopped:
        said += f" It stopped after {counted(record.rounds, 'round')} because {record.stopped}."
    if rounds < FIRM_ROUNDS:
        said += f" With fewer than {FIRM_ROUNDS} rounds, intervals are only indicative."
    return said


def _judged(judgement: Judgement, found: Answer) -> str:
    """Which scenarios the champion was chosen on, and which workloads are left to their own verdicts."""
    noun = "scenario" if found.champion.of == 1 else "scenarios"
    if not found.lead.scenario.has_server:
        return f"{noun} judged"
    apart = [
        name
        for name, members in judgement.workloads().items()
        if any(each.ranking for each in members) and not any(each.scenario.has_server for each in members)
    ]
    are = "is" if len(apart) == 1 else "are"
    return f"socket {noun}" + (f" ({listed(apart)}, in one process, {are} judged apart)" if apart else "")


def a_a_statement(judgement: Judgement) -> str:
    """What the control measured against itself shows."""
    noise = judgement.noise
    if noise.trust is Trust.NO_PAIR:
        return "No A/A pair was measured, so the noise floor is assumed, not known."
    seen = _a_a_seen(judgement)
    if noise.trust is Trust.CANNOT_TELL:
        return f"A/A check: {seen}; fewer than {FEWEST_PAIRS} pairs cannot show whether that is chance."
    share = percent(noise.probability) if noise.probability >= 0.001 else "less than 0.1 %"
    if noise.trust is Trust.HOLDS and noise.widest_floor > NOISY_FLOOR:
        by_chance = f"where samples scatter so, chance alone does as much in {share} of runs"
        return f"A/A check: no bias, but noise. {seen}; {by_chance}."
    verdict = "FAILED" if noise.trust is Trust.DIFFERS else "passed"
    return f"A/A check {verdict}: {seen}; chance alone does as much in {share} of runs."


def _a_a_seen(judgement: Judgement) -> str:
    noise = judgement.noise
    twin = judgement.twin.twin_of if judgement.twin else "the control"
    off = apart(abs(noise.ratio.value - 1)) if noise.ratio else "-"
    pairs = counted(noise.pairs, "pair")
    if len(noise.offsets or {}) < 2:
        return f"{twin} measured twice lies {off} apart over {pairs}"
    worst = apart(max((noise.offsets or {}).values()))
    return (
        f"{twin} measured twice lies up to {worst} apart in one scenario ({_worst_place(judgement)}), "
        f"{off} over all {pairs}, where scenarios can cancel"
    )


def _worst_place(judgement: Judgement) -> str:
    """The title of the scenario in which the A/A pair lies furthest apart."""
    worst = judgement.noise.worst_scenario
    return next(each.scenario.title for each in judgement.scenarios if each.scenario.id == worst)


def disagreement(judgement: Judgement, found: Answer) -> str:
    """A warning where ratios paired by round and the medians in the tables part; empty where they agree."""
    names = {subject.name: called(subject) for subject in judgement.run.record.subjects}
    said = [
        f"{name} takes {times(ratio.value)} the cost of {names[other]} by rounds, {times(of_medians)} by "
        f"medians ({judged.scenario.title})"
        for judged, name, other in _said_of(judgement, found)
        if (of_medians := judged.disagreement(name, other)) and (ratio := judged.compare(name, other).ratio)
    ]
    if not said:
        return ""
    more = f"; and {len(said) - SHOWN_AT_MOST} more" if len(said) > SHOWN_AT_MOST else ""
    return (
        "Ratios paired by round, which the verdicts use, and ratios of the medians in the tables lie further "
        "apart than the noise floor, as when the machine's speed changes between samples: "
        f"{'; '.join(said[:SHOWN_AT_MOST])}{more}."
    )


def _said_of(judgement: Judgement, found: Answer) -> list[tuple[ScenarioJudgement, str, str]]:
    """Scenario, subject and reference of each comparison that the answer and the verdicts word."""
    over = [*found.against, *(each for each in (found.runner_up, found.last) if each)]
    pairs = {(found.lead.scenario.id, found.champion.name, each.reference): found.lead for each in over}
    for members in judgement.workloads().values():
        best = champion(members, lambda cell: cell.competes)
        lead = lead_scenario(members, best.name) if best else None
        if best and lead:
            for each in references(judgement, lead, best.name):
                pairs.setdefault((lead.scenario.id, best.name, each.name), lead)
    return [(judged, name, other) for (_, name, other), judged in pairs.items()]
