"""What the A/A pair tells of noise in latency and throughput, and what figures say of it."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic_run import TWIN, SyntheticRun, echo, ring

from lab.results import Run
from reports.analysis.judgement import Judgement, judge
from reports.analysis.twins import apart_for_clients
from reports.figures import latency
from reports.pages.trust import latency_noise_note


def with_twin(run: Run, p99_times: float = 1.0, throughput_times: float = 1.0, drop: bool = False) -> Run:
    """The control's samples for the twin's too, but for the factors."""
    originals = {(s.scenario, s.round): s for s in run.samples if s.subject == "asyncio"}
    samples = []
    for sample in run.samples:
        if sample.subject == TWIN:
            if drop:
                continue
            same = originals[sample.scenario, sample.round]
            if same.latency is not None:
                slower = dataclasses.replace(same.latency, p99_ns=round(same.latency.p99_ns * p99_times))
                same = dataclasses.replace(same, latency=slower)
            operations = round(same.operations * throughput_times)
            sample = dataclasses.replace(same, subject=TWIN, order=sample.order, operations=operations)
        samples.append(sample)
    return dataclasses.replace(run, samples=tuple(samples))


def judged(**changes: object) -> Judgement:
    return judge(with_twin(SyntheticRun(scenarios=(echo(), ring(100))).build(), **changes))  # type: ignore[arg-type]


def test_each_figure_of_the_client_has_a_distance_of_its_own() -> None:
    found = judged(p99_times=1.25, throughput_times=0.9)
    apart = apart_for_clients(found, found.scenarios)
    assert apart == {
        "p50": pytest.approx(0.0),
        "p99": pytest.approx(0.25, abs=0.01),
        "throughput": pytest.approx(1 / 0.9 - 1, abs=0.01),
    }


def test_who_is_slower_makes_no_difference() -> None:
    up, down = judged(p99_times=1.25), judged(p99_times=0.8)
    assert apart_for_clients(up, up.scenarios)["p99"] == pytest.approx(
        apart_for_clients(down, down.scenarios)["p99"], abs=0.01
    )


def test_a_workload_without_latencies_has_a_throughput_only() -> None:
    found = judged(p99_times=1.25)
    of_ring = [each for each in found.scenarios if each.scenario.workload == "ring"]
    assert set(apart_for_clients(found, of_ring)) <= {"throughput"}


def test_the_throughput_of_a_given_pace_is_left_out() -> None:
    paced = dataclasses.replace(echo(), paced=True)
    found = judge(with_twin(SyntheticRun(scenarios=(paced,)).build(), throughput_times=0.5))
    assert set(apart_for_clients(found, found.scenarios)) == {"p50", "p99"}


def test_the_figure_of_latencies_says_how_far_noise_goes() -> None:
    (picture,) = latency.draw(judged(p99_times=1.25))
    assert "asyncio and asyncio-again, the same loop, lie up to 0.0 % in p50, 25" in picture.note
    assert picture.note.endswith("apart; smaller differences may be chance.")


def test_a_pair_without_samples_leaves_noise_unknown() -> None:
    found = judged(drop=True)
    said = latency_noise_note(found, found.scenarios, " here")
    assert said == "How far noise moves latency is not known: asyncio and asyncio-again have none here."


def test_without_a_pair_noise_is_not_known() -> None:
    made = SyntheticRun(scenarios=(echo(),)).build()
    subjects = tuple(each for each in made.record.subjects if each.name != TWIN)
    record = dataclasses.replace(made.record, subjects=subjects)
    samples = tuple(each for each in made.samples if each.subject != TWIN)
    found = judge(dataclasses.replace(made, record=record, samples=samples))
    assert apart_for_clients(found, found.scenarios) == {}
    assert latency_noise_note(found, found.scenarios).endswith("no A/A pair was measured.")
