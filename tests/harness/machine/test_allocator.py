"""Seasoned and fresh processes: how they are planned, and that each pays the prices of its state."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from lab.errors import UnknownNameError
from lab.harness import subjects
from lab.harness.machine import allocator
from lab.harness.planning import plan
from lab.harness.planning.selection import Selection, scenarios
from lab.harness.sampling import Timing
from lab.results import ProgramRecord, RunRecord, ScenarioRecord, from_json, to_json
from lab.workloads.registry import workload
from tests.fake_measuring import FakeCatalogue, environment
from tests.harness.one_sample import one_sample

ECHO = workload("echo-protocol").scenario(connections=4, size=64)


def planned(**options: Any) -> RunRecord:
    selection = Selection(workloads=("ring",), settings={("ring", "pairs"): (100, 200)}, **options)
    return plan.build(selection, environment(), id="r", seed=7, catalogue=FakeCatalogue())


def in_state(scenario: ScenarioRecord, state: str) -> ScenarioRecord:
    (found,) = allocator.in_states(scenario, [state])
    return found


def test_processes_are_seasoned_unless_a_run_says_otherwise() -> None:
    record = planned()
    assert {scenario.allocator for scenario in record.scenarios} == {"seasoned"}
    assert record.scenarios[0].id == "ring[active=100,pairs=100,writes=100]"
    assert "--allocator" not in record.command


def test_both_states_make_every_scenario_twice_and_the_one_that_lasts_comes_first() -> None:
    record = planned(allocators=("fresh", "seasoned"))
    assert [scenario.id for scenario in record.scenarios] == [
        "ring[active=100,pairs=100,writes=100]",
        "ring[active=100,pairs=100,writes=100]+fresh",
        "ring[active=100,pairs=200,writes=100]",
        "ring[active=100,pairs=200,writes=100]+fresh",
    ]
    assert [scenario.allocator for scenario in record.scenarios[:2]] == ["seasoned", "fresh"]
    assert record.scenarios[1].title == f"{record.scenarios[0].title}, fresh allocator"
    assert "--allocator fresh,seasoned" in record.command


def test_the_full_profile_has_the_streams_of_asyncio_in_both_states() -> None:
    every = scenarios(Selection(profile="full"))
    fresh = [each for each in every if each.allocator == "fresh"]
    assert [each.workload for each in fresh] == ["echo-protocol", "echo-streams"]
    assert {each.id.removesuffix("+fresh") for each in fresh} <= {each.id for each in every}
    one_state = scenarios(Selection(profile="full", allocators=("seasoned",)))
    assert {each.allocator for each in one_state} == {"seasoned"}


def test_a_record_from_before_there_were_states_is_fresh() -> None:
    fields = json.loads(to_json(in_state(ECHO, "seasoned")))
    del fields["allocator"]
    assert from_json(ScenarioRecord, json.dumps(fields)).allocator == "fresh"


def test_a_run_that_is_read_again_knows_the_state_of_its_scenarios() -> None:
    record = planned(allocators=("fresh",))
    again = from_json(RunRecord, to_json(record))
    assert {scenario.allocator for scenario in again.scenarios} == {"fresh"}
    assert list(plan.rounds(again)) == list(plan.rounds(record))


def test_an_unknown_state_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'seasoned'"):
        planned(allocators=("season",))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MALLOC_MMAP_THRESHOLD_", "65536"), ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=65536")],
)
def test_a_fixed_threshold_leaves_one_state_only(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocator.os, "confstr", lambda _name: "glibc 2.36")
    monkeypatch.setenv(variable, value)
    reason = subjects.cannot_run("floor", in_state(ECHO, "fresh"), 1024)
    assert reason is not None
    assert variable in reason
    assert subjects.cannot_run("floor", in_state(ECHO, "seasoned"), 1024) is None


def test_another_allocator_has_one_state_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(allocator.os, "confstr", unknown)
    reason = subjects.cannot_run("asyncio", in_state(ECHO, "fresh"), 1024)
    assert reason is not None
    assert reason.startswith("only glibc's allocator")


def test_a_command_of_ones_own_is_measured_as_it_is() -> None:
    own = dataclasses.replace(ECHO, program=ProgramRecord("command", "serve --port {port}", "/"))
    as_it_is, fresh = allocator.in_states(own, allocator.STATES)
    assert (as_it_is.id, as_it_is.allocator) == (own.id, None)
    assert from_json(ScenarioRecord, to_json(as_it_is)) == as_it_is
    assert subjects.cannot_run("asyncio", as_it_is, 1024) is None
    reason = subjects.cannot_run("asyncio", fresh, 1024)
    assert reason is not None
    assert reason.startswith("a command makes its own process")


def test_a_coroutine_of_ones_own_is_served_by_the_measured_process_and_has_its_state() -> None:
    own = dataclasses.replace(ECHO, program=ProgramRecord("coroutine", "app:serve", "/"))
    assert in_state(own, "seasoned").allocator == "seasoned"


@pytest.mark.parametrize("state", allocator.STATES)
def test_a_large_read_is_paid_for_by_page_faults_in_a_fresh_process_only(state: str) -> None:
    if reason := allocator.cannot_be_fresh():
        pytest.skip(reason)
    timing = Timing(window_s=0.1, warmup_s=0.02, deadline_s=30)
    taken = one_sample("asyncio", in_state(ECHO, state), timing=timing)
    assert (taken.status, taken.reason) == ("ok", None)
    faults = taken.minor_faults / taken.operations
    assert faults > 1.5 if state == "fresh" else faults < 0.5
