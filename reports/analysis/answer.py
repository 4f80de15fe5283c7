"""The answer to the run's question, found by rules: who is best over several scenarios, and against whom.

Rules. A *champion* of some scenarios is the subject that is most often among the best there; the workload
that the plan puts first decides, then all of them, then who is beaten least often by its equals, then the
lower cost in the first scenario. Subjects that are among the best wherever the champion is, and that no
scenario tells from it, share the title. The readiness backends are judged on the mini-loop, where nothing but
the backend differs; the champion is then held against other loops, in every scenario that decided. A program
of somebody's own asks which loop it should have: its scenarios alone decide, and every loop competes.
Scenarios with a fresh allocator, a state that passes, decide only where there are no others, and so do those
in which nobody has the rounds for a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.results import SubjectRecord
from reports.analysis.cells import Cell
from reports.analysis.comparison import Comparison, Verdict
from reports.analysis.judgement import Judgement, ScenarioJudgement

Eligible = Callable[[Cell], bool]


@dataclass(frozen=True)
class Champion:
    """Who is best over some scenarios."""

    name: str
    shares_with: tuple[str, ...]
    """Subjects that are among the best wherever the champion is, and that no scenario tells from it."""
    wins: int
    """Scenarios in which it is among the best."""
    of: int
    """Scenarios that decide."""
    exceptions: tuple[tuple[ScenarioJudgement, tuple[str, ...]], ...]
    """Scenarios in which it is not, and who is best there."""
    untested: bool = False
    """The rounds to call it the best are lacking: everybody's in all scenarios, or in common with a subject
    that shares the title."""


@dataclass(frozen=True)
class Rival:
    """Another loop that the best backend does not beat everywhere."""

    name: str
    cheaper_in: tuple[ScenarioJudgement, ...]
    level_in: tuple[ScenarioJudgement, ...]
    """Scenarios in which the data cannot tell the two apart."""


@dataclass(frozen=True)
class Answer:
    """Which backend serves sockets best here, with the comparisons of the lead scenario."""

    lead: ScenarioJudgement
    decided_on: tuple[ScenarioJudgement, ...]
    """The scenarios that the champion was chosen on."""
    apart: tuple[ScenarioJudgement, ...]
    """The others, which decide between equals only."""
    champion: Champion
    are_backends: bool
    """The champion is a readiness backend under the mini-loop; False when none can be judged, or every loop
    competed."""
    against: tuple[Comparison, ...]
    """The champion's cost in the lead scenario over: the best other loop, the control, the floor."""
    rivals: tuple[Rival, ...]
    """Empty where the champion beats all other loops in every scenario, and where every loop competed."""
    runner_up: Comparison | None
    """Over the first backend that it can be told from."""
    last: Comparison | None
    """Over the costliest backend, where that is another one."""


def leaders(judged: ScenarioJudgement, eligible: Eligible) -> tuple[str, ...]:
    """The eligible subject of lowest median in a scenario, and those that cannot be told from it."""
    names = [name for name in judged.ranking if eligible(judged.cells[name])]
    worse = {name for name in names[1:] if judged.compare(name, names[0]).verdict is Verdict.WORSE}
    return tuple(name for name in names if name not in worse)


def champion(
    scenarios: list[ScenarioJudgement], eligible: Eligible, apart: Sequence[ScenarioJudgement] = ()
) -> Champion | None:
    """Who is most often among the leaders of ``scenarios``; None without any result.

    Among equals the one that the fewest of them defeat, in ``scenarios`` and then in those ``apart``.
    """
    found = [(judged, leaders(judged, eligible)) for judged in _deciding(scenarios, eligible)]
    if not found:
        return None
    first = found[0][0].scenario.workload
    ranked = [name for judged, _ in found for name in judged.ranking if eligible(judged.cells[name])]
    wins = {name: [name in names for _, names in found] for name in dict.fromkeys(ranked)}
    decisive = [judged.scenario.workload == first for judged, _ in found]

    def merit(name: str) -> tuple[int, int]:
        won_first = sum(won and counts for won, counts in zip(wins[name], decisive, strict=True))
        return won_first, sum(wins[name])

    judgements = [judged for judged, _ in found]
    equals = [name for name in wins if merit(name) == max(map(merit, wins))]

    def defeats(name: str) -> tuple[int, int, int]:
        return _defeats(name, equals, judgements), _defeats(name, equals, apart), ranked.index(name)

    best = min(equals, key=defeats)
    level = [name for name in equals if name != best and wins[name] == wins[best]]
    shares_with = tuple(
        name for name in level if not any(each.compare(name, best).told_apart for each in judgements)
    )
    return Champion(
        name=best,
        shares_with=shares_with,
        untested=not any(each.best for each in judgements)
        or any(_untested(best, name, judgements) for name in shares_with),
        wins=sum(wins[best]),
        of=len(found),
        exceptions=tuple((judged, names) for judged, names in found if best not in names),
    )


def _defeats(name: str, others: list[str], scenarios: Sequence[ScenarioJudgement]) -> int:
    """Scenarios in which one of ``others`` is better than ``name``."""
    return sum(
        any(each.compare(name, other).verdict is Verdict.WORSE for other in others if other != name)
        for each in scenarios
    )


def _untested(name: str, other: str, scenarios: list[ScenarioJudgement]) -> bool:
    """No scenario has the rounds to compare the two, as when the samples of one failed."""
    return all(each.compare(name, other).verdict is Verdict.NOT_MEASURABLE for each in scenarios)


def answer(judgement: Judgement) -> Answer | None:
    """The answer to "which readiness backend serves sockets best here", or "which loop serves this program
    best"; None without any result."""
    judged = [each for each in judgement.scenarios if each.ranking]
    own = [each for each in judged if each.scenario.program]
    over_sockets = own or [each for each in judged if each.scenario.has_server] or judged
    backends = not own and any(leaders(each, is_backend) for each in over_sockets)
    eligible = is_backend if backends else _competes
    apart = [each for each in judged if each not in over_sockets]
    best = champion(over_sockets, eligible, apart)
    if best is None:
        return None
    lead = lead_scenario(over_sockets, best.name)
    decided_on = _deciding(over_sockets, eligible)
    rivals = [name for name in lead.ranking if is_backend(lead.cells[name])] if backends else lead.ranking
    over = [lead.compare(best.name, name) for name in rivals if name != best.name]
    return Answer(
        lead=lead,
        decided_on=tuple(decided_on),
        apart=tuple(apart),
        champion=best,
        are_backends=backends,
        against=tuple(lead.compare(best.name, each.name) for each in references(judgement, lead, best.name)),
        rivals=_rivals(decided_on, best.name) if backends else (),
        runner_up=next((each for each in over if each.told_apart), None),
        last=over[-1] if over and over[-1].told_apart else None,
    )


def _rivals(scenarios: list[ScenarioJudgement], best: str) -> tuple[Rival, ...]:
    """The other loops that ``best`` does not beat everywhere, the cheaper ones first."""
    ranked = dict.fromkeys((name, is_other_loop(j.cells[name])) for j in scenarios for name in j.ranking)
    met = [
        _met([j for j in scenarios if {name, best} <= set(j.ranking)], name, best)
        for name, is_loop in ranked
        if is_loop
    ]
    unbeaten = [each for each in met if each.cheaper_in or each.level_in]
    return tuple(sorted(unbeaten, key=lambda each: -len(each.cheaper_in)))


def _met(scenarios: list[ScenarioJudgement], name: str, best: str) -> Rival:
    verdicts = [(each, each.compare(best, name)) for each in scenarios]
    return Rival(
        name,
        cheaper_in=tuple(each for each, found in verdicts if found.verdict is Verdict.WORSE),
        level_in=tuple(each for each, found in verdicts if not found.told_apart),
    )


def lead_scenario(scenarios: list[ScenarioJudgement], name: str) -> ScenarioJudgement:
    """The scenario that speaks for all: the first that ranks ``name``, one without warnings if possible."""
    ranked = _lasting(_firm([each for each in scenarios if name in each.ranking]))
    return next((each for each in ranked if not each.scenario.labels), ranked[0])


def _deciding(scenarios: list[ScenarioJudgement], eligible: Eligible) -> list[ScenarioJudgement]:
    """Those that have a result of somebody eligible, and decide."""
    return _lasting(_firm([each for each in scenarios if leaders(each, eligible)]))


def _firm(scenarios: list[ScenarioJudgement]) -> list[ScenarioJudgement]:
    """Those in which somebody has the rounds for a verdict; all where nobody has them anywhere."""
    return [each for each in scenarios if each.best] or scenarios


def _lasting(scenarios: list[ScenarioJudgement]) -> list[ScenarioJudgement]:
    """Those that decide: all but the ones with a fresh allocator; these too where there are no others."""
    return [each for each in scenarios if each.scenario.allocator != "fresh"] or scenarios


def references(judgement: Judgement, judged: ScenarioJudgement, name: str) -> list[SubjectRecord]:
    """What ``name`` is held against in a scenario: the best other loop, the control, the floor."""
    cells = judged.cells
    others = [
        cells[each].subject
        for each in judged.ranking
        if is_other_loop(cells[each]) and not cells[each].subject.control
    ]
    wanted = [*others[:1], judgement.control, judgement.floor]
    return [each for each in wanted if each and each.name != name and cells[each.name].cost]


def is_backend(cell: Cell) -> bool:
    """A readiness backend under the mini-loop that has a cost here."""
    return cell.competes and cell.subject.kind == "mini-loop"


def is_other_loop(cell: Cell) -> bool:
    """A loop that is not the mini-loop."""
    return cell.subject.kind in ("comparison", "custom")


def _competes(cell: Cell) -> bool:
    return cell.competes
