"""What a run will measure, and in which order."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from lab.errors import LabError, UnknownNameError
from lab.harness.planning import plan
from lab.harness.planning.profiles import PROFILES, profile
from lab.harness.planning.selection import Selection, connections_parameter
from lab.results import NotRun, RunRecord
from lab.workloads.registry import WORKLOADS
from tests.fake_measuring import FakeCatalogue, environment


def build(selection: Selection, catalogue: FakeCatalogue | None = None, **changes: Any) -> RunRecord:
    machine = environment(**changes)
    return plan.build(selection, machine, id="r", seed=7, catalogue=catalogue or FakeCatalogue())


def scenario_ids(**options: Any) -> list[str]:
    return [scenario.id for scenario in build(Selection(**options)).scenarios]


def names(record: RunRecord) -> list[str]:
    return [subject.name for subject in record.subjects]


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_makes_a_run_with_control_twin_and_floor(name: str) -> None:
    record = build(Selection(profile=name))
    twin = next(subject for subject in record.subjects if subject.twin_of)
    assert record.control is not None
    assert (record.control.name, twin.twin_of, twin.name) == ("asyncio", "asyncio", "asyncio-again")
    assert "floor" in names(record)
    assert record.rounds >= 5
    assert {scenario.workload for scenario in record.scenarios} >= {"echo-sockets", "idle", "ring"}


def test_the_full_profile_takes_every_workload() -> None:
    record = build(Selection(profile="full"))
    assert {scenario.workload for scenario in record.scenarios} == set(WORKLOADS)


def test_control_twin_and_floor_come_along_when_others_are_selected() -> None:
    assert names(build(Selection(backends=("epoll",)))) == ["epoll", "asyncio", "asyncio-again", "floor"]


def test_a_subject_that_is_named_twice_is_measured_once() -> None:
    record = build(Selection(backends=("asyncio", "epoll", "asyncio-again", "epoll")))
    assert names(record) == ["asyncio", "asyncio-again", "epoll", "floor"]


def test_the_smoke_profile_takes_few_subjects() -> None:
    record = build(Selection(profile="smoke"))
    assert names(record) == ["poll", "epoll", "asyncio", "asyncio-again", "uvloop", "floor"]


def test_a_round_has_every_cell_once() -> None:
    record = build(Selection())
    cells = {(subject.name, scenario.id) for subject in record.subjects for scenario in record.scenarios}
    for cells_of_round in plan.rounds(record):
        taken = Counter((cell.subject.name, cell.scenario.id) for cell in cells_of_round)
        assert taken == Counter(cells)


def test_the_order_follows_from_the_seed_and_differs_between_rounds() -> None:
    record = build(Selection())
    first, second, *_ = plan.rounds(record)
    assert list(plan.rounds(record)) == list(plan.rounds(record))
    assert [cell.key[1:] for cell in first] != [cell.key[1:] for cell in second]


def test_the_subjects_of_a_scenario_stand_next_to_each_other_in_a_round() -> None:
    first = next(plan.rounds(build(Selection())))
    scenarios = [cell.scenario.id for cell in first]
    changes = sum(1 for one, other in itertools.pairwise(scenarios) if one != other)
    assert changes == len(set(scenarios)) - 1


def test_positions_count_through_the_whole_run() -> None:
    orders = [cell.order for cells in plan.rounds(build(Selection(profile="full"))) for cell in cells]
    assert orders == list(range(len(orders)))


def test_warm_up_rounds_come_first_and_are_marked() -> None:
    record = build(Selection(profile="full"))
    found = [(cells[0].round, cells[0].warmup) for cells in plan.rounds(record)]
    assert found[:2] == [(-1, True), (0, False)]
    assert not any(warmup for _, warmup in found[1:])


def test_all_subjects_of_a_round_face_the_same_load() -> None:
    record = build(Selection(workloads=("echo-sockets",)))
    first, second, *_ = plan.rounds(record)
    assert len({plan.load_seed(record, cell) for cell in first}) == 1
    assert plan.load_seed(record, first[0]) != plan.load_seed(record, second[0])


def test_what_is_missing_is_a_row_with_its_reason() -> None:
    record = build(Selection(), FakeCatalogue(missing={"uvloop": "uvloop is not installed"}))
    assert NotRun("uvloop", None, "uvloop is not installed") in record.not_run
    assert "uvloop" not in names(record)


def test_a_cell_that_cannot_run_is_left_out_of_the_rounds() -> None:
    record = build(Selection(workloads=("idle", "ring")), FakeCatalogue(blocked={("select", "ring")}))
    planned = {(cell.subject.name, cell.scenario.workload) for cell in next(plan.rounds(record))}
    assert ("select", "ring") not in planned
    assert ("select", "idle") in planned
    assert all("has no room" in row.reason for row in record.not_run)


def test_what_the_control_cannot_run_its_twin_cannot_either() -> None:
    record = build(Selection(workloads=("ring",)), FakeCatalogue(blocked={("asyncio", "ring")}))
    assert {row.subject for row in record.not_run} == {"asyncio", "asyncio-again"}


def test_selecting_only_what_is_missing_is_refused_with_the_reason() -> None:
    with pytest.raises(LabError, match="kqueue exists on macOS"):
        build(Selection(backends=("kqueue",)), FakeCatalogue(missing={"kqueue": "kqueue exists on macOS"}))


def test_a_run_in_which_nothing_fits_is_refused_with_the_reason() -> None:
    blocked = {(name, "ring") for name in ("epoll", "asyncio", "floor")}
    with pytest.raises(LabError, match=r"epoll: epoll has no room .*; asyncio: asyncio has no .*; floor: "):
        build(Selection(backends=("epoll",), workloads=("ring",)), FakeCatalogue(blocked=blocked))


def test_what_is_missing_for_one_reason_is_named_together() -> None:
    missing = {"kqueue": "not on Linux", "select": "not on Linux", "uvloop": "not installed"}
    with pytest.raises(LabError, match=r"\(kqueue, select: not on Linux; uvloop: not installed\)"):
        build(Selection(backends=tuple(missing)), FakeCatalogue(missing=missing))


def test_connections_set_the_main_number_of_each_workload() -> None:
    expected = {name: "connections" for name in WORKLOADS if name.startswith("echo-")}
    counting = ("http", "pipeline", "split-writes", "churn", "bulk-download", "bulk-upload", "mixed", "udp")
    expected |= dict.fromkeys(counting, "connections") | {"idle": "idle", "held": "idle"}
    expected |= {"idle-cpu": "connections"}
    found = {name: connections_parameter(each) for name, each in WORKLOADS.items()}
    assert {name: parameter for name, parameter in found.items() if parameter} == expected
    ids = scenario_ids(connections=(8, 16), workloads=("echo-sockets", "idle"))
    assert ids == [
        "echo-sockets[connections=8,size=1024]",
        "echo-sockets[connections=16,size=1024]",
        "idle[active=32,idle=8,size=1024]",
        "idle[active=32,idle=16,size=1024]",
    ]


def test_sizes_and_connections_multiply() -> None:
    ids = scenario_ids(connections=(1, 2), sizes=(64, 128), workloads=("echo-sockets",))
    assert ids == [f"echo-sockets[connections={n},size={size}]" for n in (1, 2) for size in (64, 128)]


def test_a_setting_wins_over_the_general_options() -> None:
    settings = {("echo-sockets", "size"): (5,)}
    ids = scenario_ids(sizes=(64,), settings=settings, workloads=("echo-sockets",))
    assert ids == ["echo-sockets[connections=64,size=5]"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "quik"}, "Did you mean 'quick'"),
        ({"workloads": ("rng",)}, "Did you mean 'ring'"),
        ({"backends": ("epol",)}, "Did you mean 'epoll'"),
        ({"settings": {("ring", "pair"): (1,)}}, "Did you mean 'pairs'"),
        ({"settings": {("rin", "pairs"): (1,)}}, "Did you mean 'ring'"),
    ],
)
def test_an_unknown_name_gives_the_nearest_one(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        build(Selection(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 0}, "expected 1 to 1,000 rounds, got 0"),
        ({"duration_s": 0.001}, "expected a window of 0.02 to 600 seconds, got 0.001"),
        (
            {"connections": (0,)},
            r"expected echo-sockets\.connections of at least 1, got 0: `muxlab workloads` lists",
        ),
        ({"connections": (4,), "workloads": ("ring",)}, "--connections fits none of the selected workloads"),
        ({"sizes": (4,), "workloads": ("ring",)}, "--size fits none of the selected workloads"),
        ({"settings": {("ring", "pairs"): (4,)}, "workloads": ("idle",)}, "add --workload ring"),
    ],
)
def test_a_bad_value_is_refused_before_anything_starts(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        build(Selection(**options))


def test_the_recorded_command_repeats_the_run() -> None:
    selection = Selection(
        profile="smoke",
        backends=("epoll", "my.loops:new"),
        workloads=("ring",),
        rounds=2,
        duration_s=0.3,
        settings={("ring", "pairs"): (10, 20)},
    )
    assert selection.command(seed=5) == (
        "muxlab bench --profile smoke --backend epoll --backend my.loops:new --workload ring --rounds 2 "
        "--duration 0.3s --set ring.pairs=10,20 --seed 5"
    )


def test_the_estimates_of_the_profiles_keep_what_they_promise() -> None:
    estimates = {name: plan.estimate_s(build(Selection(profile=name))) for name in PROFILES}
    assert estimates["smoke"] < 90
    assert estimates["quick"] < 240
    assert 600 < estimates["full"] < 3600


def test_a_deadline_leaves_room_for_the_window() -> None:
    record = build(Selection(duration_s=30.0))
    timing = plan.timing(record, record.scenarios[0])
    assert timing.window_s == 30.0
    assert timing.deadline_s > 10 * timing.window_s


def test_a_profile_is_found_by_its_name() -> None:
    assert profile("smoke").name == "smoke"


def test_the_number_of_load_processes_is_part_of_the_plan_and_of_the_command() -> None:
    record = build(Selection(load_processes=3))
    assert record.load_processes == 3
    assert "--load-processes 3 --seed 7" in record.command
    assert build(Selection()).load_processes == 1


STRANGE = {"uvloop": "fails the conformance test: timers: expected [1], got []"}


def test_a_loop_that_fails_the_conformance_test_is_not_timed_and_says_which_check() -> None:
    record = build(Selection(), FakeCatalogue(strange=STRANGE))
    assert "uvloop" not in names(record)
    reason = f"{STRANGE['uvloop']}. It is not timed, unless with --nonconforming."
    assert NotRun("uvloop", None, reason) in record.not_run


def test_it_is_timed_where_that_is_said_and_the_run_warns_of_it() -> None:
    record = build(Selection(nonconforming=True), FakeCatalogue(strange=STRANGE))
    assert "uvloop" in names(record)
    (warning,) = record.warnings
    assert warning.startswith(f"uvloop {STRANGE['uvloop']}. It was timed because of --nonconforming")
    assert "--nonconforming" in record.command
    assert {each.name: each.fails for each in record.subjects if each.fails} == STRANGE
