"""The core's speed, and CPU time as it would have been at full speed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lab.results import Sample
from reports.analysis.speed import core_speeds, cost_us, cpu_s_at_full_speed, full_speed_ns, mean_speed
from reports.analysis.tidy import tidy
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


def test_a_slice_at_half_the_speed_counts_half() -> None:
    assert core_speeds(SAMPLE, 100.0) == (1.0, 0.5)
    assert cpu_s_at_full_speed(SAMPLE, 100.0) == pytest.approx(0.004)
    assert cost_us(SAMPLE, 100.0) == pytest.approx(40.0)
    assert mean_speed(SAMPLE, 100.0) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "unknown",
    [
        replace(SAMPLE, yardstick_ns=()),
        replace(SAMPLE, yardstick_ns=(100, 100)),
        replace(SAMPLE, yardstick_ns=(100, 0, 100)),
        replace(SAMPLE, slice_cpu_s=(), yardstick_ns=()),
    ],
)
def test_where_the_speed_is_not_known_the_time_counts_as_it_was_measured(unknown: Sample) -> None:
    assert core_speeds(unknown, 100.0) == ()
    assert cpu_s_at_full_speed(unknown, 100.0) == unknown.cpu_s
    assert math.isnan(mean_speed(unknown, 100.0))


def test_full_speed_is_what_a_tenth_of_the_yardsticks_reach() -> None:
    samples = [replace(SAMPLE, yardstick_ns=(100 + number, 200)) for number in range(11)]
    assert full_speed_ns(samples) == pytest.approx(102.1)
    assert full_speed_ns([replace(SAMPLE, yardstick_ns=())]) is None


def test_a_neighbour_that_slows_the_core_does_not_change_the_cost() -> None:
    calm = replace(SAMPLE, slice_cpu_s=(0.003, 0.003), yardstick_ns=(100, 100, 100))
    disturbed = replace(
        SAMPLE, cpu_user_s=0.006, cpu_system_s=0.003, slice_cpu_s=(0.0045, 0.0045), yardstick_ns=(150,) * 3
    )
    assert cost_us(disturbed, 100.0) == pytest.approx(cost_us(calm, 100.0))


def test_the_table_holds_the_cost_at_full_speed_and_as_it_was_measured() -> None:
    run = SyntheticRun(rounds=2, scenarios=(echo(64),)).build()
    at_half_speed = [
        replace(
            each,
            slice_cpu_s=(each.cpu_s,),
            yardstick_ns=(200,) * 2 if each.subject == "epoll" else (100,) * 2,
        )
        for each in run.samples
    ]
    rows = tidy(replace(run, samples=tuple(at_half_speed)))
    ratio = rows["cpu_us_per_operation"] / rows["measured_cpu_us_per_operation"]
    assert list(ratio) == pytest.approx([0.5 if name == "epoll" else 1.0 for name in rows["subject"]])
    assert list(rows["core_speed"]) == pytest.approx(list(ratio))
    parts = rows["user_us_per_operation"] + rows["system_us_per_operation"]
    assert list(parts) == pytest.approx(list(rows["cpu_us_per_operation"]))
