"""The core's speed, and CPU time as it would have been at full speed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.results import Run, Sample
from reports.analysis.speed import CoreSpeed, core_speed
from reports.analysis.tidy import counted, tidy
from tests.reports.synthetic_run import SyntheticRun, echo

SAMPLE = Sample(
    "asyncio",
    "echo",
    0,
    0,
    "ok",
    "2026-01-01T00:00:00+00:00",
    operations=100,
    cpu_user_s=0.004,
    cpu_system_s=0.002,
    slice_cpu_s=(0.002, 0.004),
    yardstick_ns=(100, 100, 300),
)


def slowed(run: Run, slowness_of: Callable[[Sample], float], sensitivity: float) -> Run:
    """``run`` on a core that was so much slower in each sample, with costs that follow to that power."""

    def one(sample: Sample) -> Sample:
        slowness = slowness_of(sample)
        felt = slowness**sensitivity
        return replace(
            sample,
            cpu_user_s=sample.cpu_user_s * felt,
            cpu_system_s=sample.cpu_system_s * felt,
            slice_cpu_s=(sample.cpu_s * felt,),
            yardstick_ns=(round(100_000 * slowness),) * 2,
        )

    return replace(run, samples=tuple(map(one, run.samples)))


def slow_rounds(sample: Sample) -> float:
    return 1.6 if sample.round % 2 else 1.0


def sometimes_slow(sample: Sample) -> float:
    return 1.6 if (sample.order * 7) % 5 < 2 else 1.0


QUIET = SyntheticRun(rounds=5, scenarios=(echo(64), echo(1)), noise=0.0, drift=0.0).build()


def test_the_speed_of_a_window_is_that_of_its_slices_by_their_time() -> None:
    core = CoreSpeed(100.0)
    assert core.in_slices(SAMPLE) == (1.0, 0.5)
    assert core.of(SAMPLE) == pytest.approx(2 / 3)


def test_where_messages_were_exchanged_they_count_for_seven_tenths_of_the_slowness() -> None:
    core = CoreSpeed(100.0, full_exchange_ns=500.0)
    exchanging = replace(SAMPLE, yardstick_ns=(100, 100, 100, 300), exchange_ns=(500, 1500, 1000, 1000))
    assert core.in_slices(exchanging) == (pytest.approx(1 / 1.7), pytest.approx(1 / 2))
    assert core.in_slices(replace(exchanging, exchange_ns=())) == (1.0, 0.5)
    assert core_speed([exchanging]).full_exchange_ns == pytest.approx(500, rel=0.02)


@pytest.mark.parametrize(("sensitivity", "cost_us"), [(0.0, 60.0), (0.5, 60.0 * (2 / 3) ** 0.5), (1.0, 40.0)])
def test_a_cost_is_corrected_as_far_as_it_follows_the_speed(sensitivity: float, cost_us: float) -> None:
    assert CoreSpeed(100.0, sensitivity).cost_us(SAMPLE) == pytest.approx(cost_us)


@pytest.mark.parametrize(
    "unknown",
    [
        replace(SAMPLE, yardstick_ns=()),
        replace(SAMPLE, yardstick_ns=(100, 100)),
        replace(SAMPLE, yardstick_ns=(100, 0, 100)),
        replace(SAMPLE, slice_cpu_s=(), yardstick_ns=()),
    ],
)
def test_where_the_speed_is_not_known_a_cost_stands_as_it_was_accounted(unknown: Sample) -> None:
    core = CoreSpeed(100.0, 1.0)
    assert core.in_slices(unknown) == ()
    assert math.isnan(core.of(unknown))
    assert core.cost_us(unknown) == unknown.cpu_us_per_operation


def test_full_speed_is_what_one_of_a_thousand_yardsticks_reaches() -> None:
    samples = [replace(SAMPLE, yardstick_ns=(100 + number, 900)) for number in range(501)]
    assert core_speed(samples).full_ns == pytest.approx(101.001)


def test_a_run_of_which_a_hundredth_was_at_full_speed_has_the_same_full_speed_as_a_quiet_one() -> None:
    readings = [100] * 4 + [160] * 396
    disturbed = [replace(SAMPLE, yardstick_ns=(before, 160)) for before in readings[:200]]
    quiet = [replace(SAMPLE, yardstick_ns=(100, 100))] * 200
    assert core_speed(disturbed).full_ns == core_speed(quiet).full_ns == 100


def test_where_no_yardstick_was_laid_on_no_speed_is_known() -> None:
    assert core_speed([replace(SAMPLE, yardstick_ns=())]) == CoreSpeed(None)


@pytest.mark.parametrize("sensitivity", [0.0, 0.4, 0.8, 1.0])
def test_the_run_tells_how_strongly_its_costs_follow(sensitivity: float) -> None:
    run = slowed(QUIET, sometimes_slow, sensitivity)
    assert core_speed(run.samples).sensitivity == pytest.approx(sensitivity, abs=0.01)


def test_slow_times_do_not_show_in_the_corrected_costs() -> None:
    before = counted(tidy(QUIET.record, QUIET.samples).frame)["cpu_us_per_operation"]
    slow = slowed(QUIET, sometimes_slow, 0.7)
    rows = counted(tidy(slow.record, slow.samples).frame)
    level = rows["cpu_us_per_operation"] / before
    assert level.max() == pytest.approx(level.min(), rel=0.01)
    assert 0.8 < level.mean() < 1.0  # costs that follow less than one to one
    assert rows["measured_cpu_us_per_operation"].max() > 1.3 * before.max()
    parts = rows["user_us_per_operation"] + rows["system_us_per_operation"]
    assert list(parts) == pytest.approx(list(rows["cpu_us_per_operation"]))


def test_a_run_on_a_core_at_half_its_speed_has_the_costs_of_one_at_full_speed() -> None:
    """However little varied within it: where nothing does but the yardstick's noise, no slope is told."""

    def half(sample: Sample) -> float:
        return 1.0 if sample.order == QUIET.samples[0].order else 2.0 + 0.1 * ((sample.order * 7) % 3 - 1)

    busy = slowed(QUIET, lambda sample: 2.0, 1.0)
    noisy = replace(
        busy,
        samples=tuple(
            replace(sample, yardstick_ns=(round(100_000 * half(sample)),) * 2) for sample in busy.samples
        ),
    )
    core = core_speed(noisy.samples)
    assert core.sensitivity < 0.3
    for quiet, sample in list(zip(QUIET.samples, noisy.samples, strict=True))[1:]:
        assert core.cost_us(sample) == pytest.approx(quiet.cpu_us_per_operation, rel=0.05)


def test_blocks_with_and_without_exchanges_have_each_their_level() -> None:
    core = CoreSpeed(100.0, 0.5, full_exchange_ns=100.0, levels={False: math.log(2.0), True: math.log(4.0)})
    alone = replace(SAMPLE, yardstick_ns=(200, 200, 200))
    assert core.cost_us(alone) == pytest.approx(SAMPLE.cpu_us_per_operation / 2)
    both = replace(alone, exchange_ns=(200, 200, 200))
    assert core.cost_us(both) == pytest.approx(SAMPLE.cpu_us_per_operation / 4 * 2**0.5)


def test_a_yardstick_that_explains_nothing_leaves_the_ratios_as_they_are() -> None:
    noisy = SyntheticRun(rounds=9, scenarios=(echo(64), echo(1)), noise=0.2).build()
    assert core_speed(slowed(noisy, sometimes_slow, 0.0).samples).sensitivity < 0.15


def test_costs_follow_a_slow_block_and_a_slow_sample_in_it_each_in_their_own_measure() -> None:
    """As where slices alternate: what is left between the samples of a block is mostly the yardstick's."""
    place = {subject.name: number for number, subject in enumerate(QUIET.record.subjects)}
    samples = [
        replace(sample, yardstick_ns=tuple(round(each * 1.1) for each in sample.yardstick_ns))
        if (place[sample.subject] + sample.round) % 3 == 0  # three of nine in every block
        else sample
        for sample in slowed(QUIET, slow_rounds, 0.8).samples
    ]
    core = core_speed(samples)
    assert core.sensitivity == pytest.approx(0.8, abs=0.05)
    assert core.within == pytest.approx(0.0, abs=0.02)
    quiet = {(each.scenario, each.subject): each.cpu_us_per_operation for each in QUIET.samples}
    rows = [each for each in samples if not each.warmup]
    off = [core.cost_us(each) / quiet[each.scenario, each.subject] for each in rows]
    assert max(off) / min(off) < 1.02


def test_within_a_block_only_what_follows_is_taken_out() -> None:
    core = CoreSpeed(100.0, sensitivity=1.0, within=0.5, blocks={7: math.log(1.2)})
    assert core.cost_us(replace(SAMPLE, block=7)) == pytest.approx(60.0 / (1.2 * (1.5 / 1.2) ** 0.5))


def test_a_sample_that_was_taken_alone_follows_as_a_block_does() -> None:
    core = CoreSpeed(100.0, sensitivity=1.0, within=0.5, blocks={0: math.log(1.2)})
    assert core.cost_us(SAMPLE) == pytest.approx(40.0)


def test_a_run_whose_samples_were_all_taken_alone_has_one_slope() -> None:
    """As before there were blocks, and in runs of one subject."""
    run = slowed(QUIET, sometimes_slow, 0.7)
    core = core_speed([replace(sample, block=None) for sample in run.samples])
    assert core.sensitivity == pytest.approx(0.7, abs=0.01)
    assert (core.within, core.blocks) == (0.0, {})


def test_samples_that_were_taken_alone_do_not_bend_the_slope_within_blocks() -> None:
    """Their slowness is the machine's, all of it; between the samples of a block it is mostly noise."""
    place = {subject.name: number for number, subject in enumerate(QUIET.record.subjects)}
    samples = [
        replace(sample, yardstick_ns=tuple(round(each * 1.1) for each in sample.yardstick_ns))
        if sample.scenario == echo(64).id and (place[sample.subject] + sample.round) % 3 == 0
        else sample
        for sample in slowed(QUIET, slow_rounds, 0.8).samples
    ]
    alone = [
        replace(sample, block=None) if sample.scenario != echo(64).id else sample
        for sample in slowed(replace(QUIET, samples=tuple(samples)), sometimes_slow, 0.8).samples
    ]
    together = [each for each in samples if each.scenario == echo(64).id]
    mixed = core_speed([*together, *(each for each in alone if each.block is None)])
    assert mixed.within == pytest.approx(0.0, abs=0.02)
    assert mixed.sensitivity == pytest.approx(0.8, abs=0.05)


def test_costs_that_fall_on_a_slow_core_are_not_believed_to_follow_it() -> None:
    assert core_speed(slowed(QUIET, sometimes_slow, -0.5).samples).sensitivity == 0.0


def test_too_few_samples_tell_no_slope() -> None:
    few = SyntheticRun(rounds=2, scenarios=(echo(64),), noise=0.0).build()
    core = core_speed(slowed(few, sometimes_slow, 1.0).samples)
    assert (core.sensitivity, core.within, core.is_told) == (0.0, 0.0, False)
