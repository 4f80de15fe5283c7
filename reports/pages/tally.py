"""How many samples a run has and what became of them, in sentences; and what it says where they are too few.

Rule: plain text only, and never a pointer to a place where nothing stands.
"""

from __future__ import annotations

import shlex

from reports.analysis.estimate import FEWEST_ROUNDS
from reports.analysis.judgement import Judgement, ScenarioJudgement
from reports.pages.phrases import counted, listed

SHOWN_AT_MOST = 3


def taken(judgement: Judgement) -> str:
    """How many samples were taken, and how many of them count and failed."""
    number, count = len(judgement.frame), judgement.samples_counted
    if not number:
        return "No sample was taken."
    were = "was" if number == 1 else "were"
    said = f"{counted(number, 'sample')} {were} taken, "
    if number == count:
        said += "and it counts." if number == 1 else "and all count."
    else:
        said += f"{count or 'none'} {'count' if count > 1 else 'counts'}."
    return said if _failed(judgement) else f"{said} None failed."


def ended_early(judgement: Judgement) -> str:
    """How far an incomplete run came."""
    number = len(judgement.frame)
    if not number:
        return "This run ended before its first sample."
    if judgement.run.record.syscalls and number >= judgement.samples_planned:
        return "This run has all its samples, and ended before all system calls were counted."
    return f"This run ended early, after {number} of {counted(judgement.samples_planned, 'sample')}."


def lost(judgement: Judgement) -> str:
    """What a run that calls itself complete lacks; empty if it has every sample, or some failed: a cell that
    fails in every round is given up, and lacks the rest by rights."""
    number, planned = len(judgement.frame), judgement.samples_planned
    if number >= planned or _failed(judgement):
        return ""
    return f"This run is recorded as complete: expected {counted(planned, 'sample')}, got {number}."


def failures(judgement: Judgement) -> str:
    """How many samples failed; empty if none did."""
    number, failed = len(judgement.frame), _failed(judgement)
    if not failed:
        return ""
    if failed == number:
        return f"{_all(number)} failed, so there is no figure to show."
    they = "it is" if failed == 1 else "they are"
    return f"{failed} of {counted(number, 'sample')} failed; {they} excluded from every figure."


def unjudged(judgement: Judgement) -> str:
    """Who was measured, but in too few rounds to be judged where others are; empty where that is nobody, and
    where the rounds are too few for everybody everywhere."""
    if not any(each.best for each in judgement.scenarios):
        return ""
    left = [(each, names) for each in judgement.scenarios if (names := _unjudged(each))]
    if not left:
        return ""
    places = [f"{listed(names)} ({each.scenario.title})" for each, names in left[:SHOWN_AT_MOST]]
    more = len(left) - SHOWN_AT_MOST
    places += [f"and in {counted(more, 'more scenario')}"] if more > 0 else []
    return f"Not judged, on fewer than {FEWEST_ROUNDS} rounds that count: {'; '.join(places)}."


def _unjudged(judged: ScenarioJudgement) -> tuple[str, ...]:
    return judged.unjudged if judged.best or not judged.ranking else ("everybody",)


def without_verdict(judgement: Judgement) -> str:
    """Why nobody can be called the best: the headline of a run in which no loop has a sample that counts."""
    number = len(judgement.frame)
    if not number:
        return "This run holds no sample, so there is nothing to judge."
    if _failed(judgement) == number:
        return f"{_all(number)} of this run failed, so there is nothing to judge."
    if not judgement.samples_counted:
        return "No sample of this run counts, so there is nothing to judge."
    return "No loop of this run has a sample that counts, so there is nothing to judge."


def way_on(judgement: Judgement) -> str:
    """Where a run without a verdict says what stood in its way, and how to go on."""
    run, said = judgement.run, []
    if _failed(judgement):
        said.append("'Failed samples' below says what was expected and what came.")
    elif len(judgement.frame) > judgement.samples_counted:
        said.append("'Failed samples' below says why samples do not count.")
    if run.record.not_run:
        said.append("'Not run, and why' lists what cannot run here.")
    if run.damage:
        said.append("'Environment and warnings' names what could not be read.")
    if run.record.status != "complete" or judgement.frame.empty:  # samples that were lost are taken again
        said.append(going_on(judgement))
    return " ".join(said) or "Begin a new run: this one has nothing left to measure."


def going_on(judgement: Judgement) -> str:
    """The command that continues the run."""
    program = judgement.run.record.command.partition(" bench ")[0]
    return f"Continue it with: {program} bench --resume {shlex.quote(str(judgement.run.folder))}"


def _failed(judgement: Judgement) -> int:
    return int((judgement.frame["status"] == "failed").sum())


def _all(number: int) -> str:
    return "The only sample" if number == 1 else f"All {counted(number, 'sample')}"
