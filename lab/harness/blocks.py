"""Samples that are taken together: the slices of all subjects under one scenario alternate.

How fast a machine is now is how fast it will be in a moment, and not in a second: a neighbour on the same
core, a clock that falls. Who is measured a second after another is measured on another machine. So all
subjects of a scenario are opened first, and stand there at rest; then each has a slice of its window in turn,
in an order shuffled anew, and again, until the windows are whole. Those who are compared lie a slice apart,
and each window is spread over as long a time as all take together (docs/method.md, "Taken together").

Rules
- Nothing runs beside a slice: whoever has not the turn is blocked in a system call.
- A sample that fails leaves the block; the others go on. An interrupt ends all of them.
- Taken alone is what has no slices, and a program of somebody's own: what it does while nobody asks anything
  of it would stand in the others' slices.

Pitfall: others have had the core and its caches in between. So each takes up its work for a moment, which
counts for nothing, before a slice of it does (`slices.TAKE_UP_S`).
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

from lab.harness.machine.cores import Cores
from lab.harness.planning.plan import Cell
from lab.harness.sampling import Steps, Timing, is_sliced, sample_in_steps
from lab.harness.yardstick.laying import Yardstick
from lab.results import Sample, ScenarioRecord
from lab.workloads.registry import workload

MOST_DESCRIPTORS = 100_000
"""Open at once in all processes of a block. Each connection takes some kilobytes of the kernel's memory at
either end: a few hundred megabytes together."""

Measure = Callable[..., Generator[Sample, None, None]]
"""The signature of `take_block`."""


def together(cells: Sequence[Cell]) -> Iterator[Sequence[Cell]]:
    """Cut ``cells``, a round in the order of the plan, into blocks, each of one scenario."""
    for _, same in itertools.groupby(cells, key=lambda cell: cell.scenario.id):
        block = list(same)
        blocks = -(-len(block) // _most_at_once(block[0].scenario))
        ends = [len(block) * number // blocks for number in range(blocks + 1)]
        yield from (block[begin:end] for begin, end in itertools.pairwise(ends))


def take_block(
    cells: Sequence[Cell], *, timing: Timing, cores: Cores, seed: int
) -> Generator[Sample, None, None]:
    """Measure ``cells``, of one scenario and round, together; yield each sample once its window is whole.

    Closing the generator ends the processes of all that are under way.
    ``timing``, ``cores`` and ``seed`` as for `take_sample`; what goes wrong is a failed sample here, too.
    """
    with contextlib.ExitStack() as opened:
        under_way = []
        yardstick = opened.enter_context(Yardstick(cores))
        for cell in cells:
            steps = sample_in_steps(
                cell.subject,
                cell.scenario,
                round=cell.round,
                order=cell.order,
                warmup=cell.warmup,
                timing=timing,
                cores=cores,
                seed=seed,
                yardstick=yardstick,
            )
            opened.callback(steps.close)
            under_way.append(steps)
        block = min(cell.order for cell in cells) if len(cells) > 1 else None
        for sample in _in_turn(under_way, random.Random(seed)):
            yield replace(sample, block=block)


def one_by_one(take: Callable[..., Sample]) -> Measure:
    """A `take_block` that has each sample taken alone, by something like `take_sample`."""

    def take_all(cells: Sequence[Cell], **how: object) -> Generator[Sample, None, None]:
        for cell in cells:
            yield take(
                cell.subject, cell.scenario, round=cell.round, order=cell.order, warmup=cell.warmup, **how
            )

    return take_all


def _in_turn(under_way: list[Steps], generator: random.Random) -> Iterator[Sample]:
    """Take all one step further, again and again.

    The first step starts the processes of each, the second brings it to rest before its first slice.
    """
    while under_way:
        for steps in tuple(under_way):
            try:
                next(steps)
            except StopIteration as end:
                under_way.remove(steps)
                yield end.value
        generator.shuffle(under_way)


def _most_at_once(scenario: ScenarioRecord) -> int:
    """How many samples of a scenario may be under way at once."""
    if scenario.program is not None or not is_sliced(scenario):
        return 1
    named, values = workload(scenario.workload), scenario.parameters
    each = named.server_descriptors(values) + named.load_descriptors(values)
    return max(1, MOST_DESCRIPTORS // max(1, each))
