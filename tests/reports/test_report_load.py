"""What the report says of the load: its ceiling, and whether throughput and latency agree."""

from __future__ import annotations

import dataclasses

import pytest
from synthetic_run import SyntheticRun, echo, idle, ring

from lab.results import LatencyRecord, Run, Sample
from reports.analysis.judgement import Judgement, judge
from reports.analysis.load import LITTLE_BOUND, LoadCheck, check_load, on_the_way
from reports.pages.load import note, summary
from reports.pages.summary import markdown
from reports.pages.trust import banners


def run(**changes: object) -> Run:
    return SyntheticRun(**({"scenarios": (echo(), ring(100))} | changes)).build()  # type: ignore[arg-type]


def changed(made: Run, subject: str, **changes: object) -> Run:
    samples = [dataclasses.replace(s, **changes) if s.subject == subject else s for s in made.samples]
    return dataclasses.replace(made, samples=tuple(samples))


def check(judgement: Judgement) -> LoadCheck:
    found = check_load(judgement, judgement.scenarios[0].scenario)
    assert found is not None
    return found


def slower_clock(factor: float) -> Run:
    """A run in which the load times uvloop's requests wrongly."""
    made = run()

    def mistimed(sample: Sample) -> Sample:
        if sample.subject != "uvloop" or sample.latency is None:
            return sample
        mean_ns = 64 * sample.window_s / sample.operations * 1e9 * factor
        return dataclasses.replace(sample, latency=dataclasses.replace(sample.latency, mean_ns=mean_ns))

    return dataclasses.replace(made, samples=tuple(map(mistimed, made.samples)))


def test_the_ceiling_is_what_the_load_does_in_a_second_of_its_own_cpu() -> None:
    made = changed(run(), "floor", operations=40_000, load_cpu_s=0.4, load_utilisation=0.8)
    found = check(judge(made))
    assert (found.ceiling_per_s, found.busy) == (pytest.approx(100_000), pytest.approx(0.8))
    assert found.fastest is not None and found.fastest[0] in ("epoll", "epoll-et")
    said = note(judge(made), echo().id)
    assert "The load's own ceiling: 100 thousand requests/s (against the floor, which kept it busy" in said


def test_several_processes_have_the_ceiling_of_the_busiest_core() -> None:
    apart = {"load_cpu_s": 0.7, "load_utilisation": 0.8, "load_utilisations": (0.8, 0.6)}
    judgement = judge(changed(run(), "floor", operations=40_000, **apart))
    assert (check(judgement).ceiling_per_s, check(judgement).processes) == (pytest.approx(100_000), 2)
    assert "The load's own ceiling, in 2 processes: 100 thousand requests/s" in note(judgement, echo().id)
    assert summary(judgement).startswith("Up to 2 processes. epoll")


def test_the_summary_says_who_came_nearest_to_the_ceiling_and_where_the_load_was_the_limit() -> None:
    judgement = judge(changed(run(), "floor", operations=1_000_000, load_utilisation=0.8))
    found = check(judgement)
    assert found.taken == pytest.approx(found.fastest[1] / 2_500_000)
    said = summary(judgement)
    assert "of an estimated 2,500 thousand requests/s (Echo over sockets" in said
    assert said.endswith("The load was the limit (client-limited) in 5 samples: of the floor.")
    assert said in markdown(judgement)
    assert summary(judge(changed(run(), "floor", client_limited=False))).endswith("the limit in no sample.")


def test_a_ceiling_that_is_passed_was_reached_as_it_is_an_estimate() -> None:
    judgement = judge(changed(run(), "floor", operations=20_000, load_utilisation=1.0))
    assert check(judgement).taken > 1
    assert " reached the load's own ceiling, an estimated 40.0 thousand requests/s (Echo" in summary(
        judgement
    )
    assert "took all of that." in note(judgement, echo().id)


def test_without_a_floor_there_is_no_ceiling() -> None:
    made = run()
    samples = tuple(sample for sample in made.samples if sample.subject != "floor")
    judgement = judge(dataclasses.replace(made, samples=samples))
    assert check(judgement).ceiling_per_s is None
    assert summary(judgement) == "One process. The load was the limit in no sample."
    assert note(judgement, echo().id).startswith("Each subject kept the load busy for 80.0 % of")


def test_it_is_told_who_kept_the_load_least_and_most_busy() -> None:
    made = changed(changed(run(), "asyncio", load_utilisation=0.41), "uvloop", load_utilisation=0.97)
    made = changed(changed(made, "floor", load_utilisation=0.99), "asyncio-again", load_utilisation=0.2)
    assert check(judge(made)).utilisation["asyncio"] == pytest.approx(0.41)
    said = note(judge(made), echo().id)
    assert "The subjects kept the load busy for 41.0 % (asyncio) to 97.0 % (uvloop) of the window." in said


def test_a_load_that_agrees_with_itself_obeys_littles_law() -> None:
    judgement = judge(run())
    found = check(judgement)
    assert (found.on_the_way, found.checked, found.off) == (64, 45, ())
    assert abs(found.worst) < LITTLE_BOUND
    assert "= 64 on the way) holds in all 45 samples" in note(judgement, echo().id)
    assert banners(judgement) == []


def test_a_load_whose_clock_is_wrong_is_found_and_named() -> None:
    judgement = judge(slower_clock(1.3))
    found = check(judgement)
    assert set(found.off) == {"uvloop"} and len(found.off) == 5
    assert found.worst == pytest.approx(0.3)
    assert "is broken in 5 of 45 samples (uvloop), by up to 30.0 %" in note(judgement, echo().id)
    (banner,) = banners(judgement)
    assert "In 5 samples throughput and latency contradict each other" in banner.what


def test_the_ends_of_a_window_of_few_requests_are_forgiven() -> None:
    latency = LatencyRecord(100, 1, 0.5e9 / 100 * 64 * 0.6, 1, 1, 1, 1, 1)
    assert check(judge(changed(run(), "poll", operations=100, latency=latency))).off == ()


def test_the_ends_of_every_slice_of_a_window_are_forgiven() -> None:
    latency = LatencyRecord(1_000, 1, 0.5e9 / 1_000 * 64 * 0.75, 1, 1, 1, 1, 1)
    made = changed(run(), "poll", operations=1_000, latency=latency)
    assert set(check(judge(made)).off) == {"poll"}
    assert check(judge(changed(made, "poll", slice_cpu_s=(0.01,) * 4))).off == ()


def test_clients_that_rest_while_the_last_reply_is_late_are_forgiven_but_none_too_many() -> None:
    few = LatencyRecord(10_000, 1, 0.5e9 / 10_000 * 64 * 0.85, 1, 1, 1, 1, 1)
    late = LatencyRecord(10_000, 1, 0.5e9 / 10_000 * 64 * 0.85, 1, 1, 1, 1, round(0.05e9))
    many = LatencyRecord(10_000, 1, 0.5e9 / 10_000 * 64 * 1.15, 1, 1, 1, 1, round(0.05e9))
    assert set(check(judge(changed(run(), "poll", operations=10_000, latency=few))).off) == {"poll"}
    assert check(judge(changed(run(), "poll", operations=10_000, latency=late))).off == ()
    assert set(check(judge(changed(run(), "poll", operations=10_000, latency=many))).off) == {"poll"}


def test_a_sample_that_lost_datagrams_is_not_held_against_littles_law() -> None:
    slow = changed(slower_clock(1.3), "uvloop", lost=1)
    assert (check(judge(slow)).checked, check(judge(slow)).off) == (40, ())


def test_lost_datagrams_are_told_by_subject() -> None:
    judgement = judge(changed(run(), "uvloop", lost=2))
    assert check(judgement).lost == {"uvloop": 10}
    assert "Datagrams without a reply in time: uvloop 10. They are no operations" in note(
        judgement, echo().id
    )
    assert "Datagrams without" not in note(judge(run()), echo().id)


def test_a_workload_that_drives_itself_has_no_load() -> None:
    judgement = judge(run())
    assert check_load(judgement, ring(100)) is None
    assert summary(judge(run(scenarios=(ring(100),)))) == ""
    assert note(judgement, ring(100).id) == ""


def test_what_is_on_the_way_follows_from_the_parameters() -> None:
    pingpong = dataclasses.replace(echo(), parameters={"connections": 16, "depth": 1})
    assert [on_the_way(each) for each in (echo(), idle(500), pingpong)] == [64, 64, 16]


def test_clients_that_rest_now_and_then_are_not_held_against_littles_law() -> None:
    resting = ({"subscribers": 200}, {"connections": 16, "depth": 8}, {"connections": 32, "bulk": 4})
    for parameters in resting:
        scenario = dataclasses.replace(echo(), parameters=parameters)
        found = check(judge(changed(run(scenarios=(scenario,)), "poll", window_s=20.0)))
        assert (found.on_the_way, found.checked, found.off) == (None, 0, ())
