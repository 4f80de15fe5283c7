"""What stands under the headline: which run it is, and the champion's ratios of one scenario, set large.

Rule: as few words as a person takes in within seconds; everything else is said further down.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lab.results import RunRecord
from reports.analysis.answer import Answer
from reports.analysis.judgement import Judgement
from reports.pages import phrases, wording


def words(judgement: Judgement, found: Answer | None) -> dict[str, Any]:
    """What the template's first section names."""
    return {
        "byline": byline(judgement.run.record),
        "score_of": found.lead.scenario.title if found and len(judgement.scenarios) > 1 else None,
        "score_cost": cost(found) if found else "",
        "score": score(judgement, found) if found else [],
    }


def byline(record: RunRecord) -> list[str]:
    """Which run this is, and on what: as much as tells it from others."""
    moment = datetime.fromisoformat(record.created_at)
    environment = record.environment
    when = f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()
    said = [
        f"Run {record.id}, profile {record.profile}, {when}",
        environment.cpu_model or environment.machine,
        environment.system,
        environment.python.partition(" (")[0],
    ]
    return [each for each in said if each]


def cost(found: Answer) -> str:
    """What the ratios below it are ratios of."""
    taken = found.lead.cells[found.champion.name].cost
    taken_us = phrases.number(taken.value if taken else None)
    return f"{found.champion.name} takes {taken_us} µs of server CPU per {found.lead.scenario.unit}"


def score(judgement: Judgement, found: Answer) -> list[tuple[str, str, str]]:
    """The champion's ratios of the lead scenario, to be set large: ratio, against whom, interval."""
    unit, rate_per_s = found.lead.scenario.unit, found.lead.scenario.rate_per_s
    at_rate = f" at {rate_per_s:,} {phrases.plural(unit)}/s" if rate_per_s else ""
    return [
        (
            phrases.times(each.ratio.value),
            f"{wording.possessive(each.reference, judgement)} CPU per {unit}{at_rate}",
            phrases.interval(each.ratio),
        )
        for each in found.against
        if each.ratio
    ]
