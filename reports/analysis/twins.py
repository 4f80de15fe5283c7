"""How far the A/A pair lies apart in what the client saw: latency and throughput.

The noise floor that verdicts use is one of CPU per operation (`reports.analysis.noise`). Nothing is judged
on latency or throughput, but whoever looks at a figure of them asks what noise does there: two identical
subjects show it. It is what was seen, the largest over the scenarios of a figure, and no bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from reports.analysis.cells import Cell
from reports.analysis.judgement import Judgement, ScenarioJudgement

PERCENTILES = ("p50", "p99")


def apart_for_clients(judgement: Judgement, scenarios: Iterable[ScenarioJudgement]) -> dict[str, float]:
    """By "p50", "p99" and "throughput": how far the pair's medians lie apart at most, relative.

    Of a scenario that keeps a pace of its own the throughput is left out. Empty where there is no pair, or it
    has no latencies in any of ``scenarios``.
    """
    twin = judgement.twin
    widest: dict[str, float] = {}
    for judged in scenarios if twin else ():
        control, again = judged.cells.get(twin.twin_of or ""), judged.cells.get(twin.name)
        if control is None or again is None:
            continue
        for name, one, other in _seen(control, again, judged.scenario.paced):
            if one > 0 and other > 0:
                widest[name] = max(widest.get(name, 0.0), math.expm1(abs(math.log(one / other))))
    return widest


def _seen(control: Cell, again: Cell, paced: bool) -> Iterator[tuple[str, float, float]]:
    for name in PERCENTILES:
        if name in control.latency_us and name in again.latency_us:
            yield name, control.latency_us[name], again.latency_us[name]
    if not paced and control.throughput and again.throughput:
        yield "throughput", control.throughput.value, again.throughput.value
