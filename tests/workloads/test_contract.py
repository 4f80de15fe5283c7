"""Scenarios: defaults, bounds, names; and what each workload in the registry declares."""

import pytest

from lab.errors import LabError, UnknownNameError
from lab.workloads.contract import DESCRIPTOR_HEADROOM, Workload, byte_count
from lab.workloads.registry import WORKLOADS, workload


@pytest.fixture(params=WORKLOADS)
def each(request: pytest.FixtureRequest) -> Workload:
    return WORKLOADS[request.param]


def test_the_most_important_workload_comes_first() -> None:
    assert next(iter(WORKLOADS)) == "echo-sockets"


def test_the_echo_family_is_every_server_over_every_wire_that_it_knows() -> None:
    wires = {name: each.wire for name, each in WORKLOADS.items() if name.startswith("echo-")}
    servers = ("sockets", "protocol", "buffered", "streams")
    assert wires == {
        **{f"echo-{server}": "tcp" for server in servers},
        **{f"echo-{server}-unix": "unix" for server in servers},
        **{f"echo-{server}-tls": "tls" for server in servers[1:]},
    }


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [("rings", "ring"), ("echo-sockts", "echo-sockets"), ("ecko", "echo-sockets"), ("zzz", None)],
)
def test_an_unknown_workload_gets_the_nearest_one(asked: str, nearest: str | None) -> None:
    with pytest.raises(UnknownNameError) as caught:
        workload(asked)
    assert caught.value.nearest == nearest


def test_a_scenario_without_values_has_the_defaults(each: Workload) -> None:
    scenario = each.scenario()
    assert scenario.parameters == {parameter.name: parameter.default for parameter in each.parameters}
    assert (scenario.workload, scenario.unit, scenario.load) == (each.name, each.unit, each.load)
    assert scenario.question.endswith("?")
    assert scenario.labels == ()


def test_the_axis_is_one_of_the_parameters(each: Workload) -> None:
    assert each.axis is None or each.axis in each.scenario().parameters


def test_a_scenarios_id_holds_all_values_in_order_of_name() -> None:
    scenario = workload("idle").scenario(active=64)
    assert scenario.id == "idle[active=64,idle=1000,size=1024]"


@pytest.mark.parametrize(
    ("name", "values", "title"),
    [
        ("echo-sockets", {}, "Echo over sockets, 64 connections, 1 KiB"),
        ("echo-sockets", {"connections": 1, "size": 100}, "Echo over sockets, 1 connection, 100 bytes"),
        ("echo-streams-tls", {}, "Echo over streams (TLS), 64 connections, 1 KiB"),
        ("held", {}, "Protocols held open, 32 active among 5,000 idle, 1 KiB"),
        ("idle", {"idle": 5000}, "Echo among idle connections, 32 active among 5,000 idle, 1 KiB"),
        ("ring", {}, "Ring of socket pairs, 1,000 pairs, 100 active"),
        ("http", {}, "HTTP keep-alive, 64 connections, 1 KiB"),
        ("pipeline", {}, "Pipelined echo, 16 connections, 128 bytes, 16 on the way"),
        ("churn", {}, "Connections come and go, 32 at once, 128 bytes"),
        ("bulk-upload", {"connections": 1}, "Uploads, 1 connection, 512 KiB"),
        ("fanout", {}, "One publisher, many subscribers, 200 of them, 128 bytes"),
        (
            "mixed",
            {},
            "Small requests beside bulk, 32 connections, 128 bytes, beside 4 with 256 KiB",
        ),
        ("udp", {"size": 8}, "Datagrams, 32 sockets, 8 bytes"),
        ("callbacks", {"chains": 1}, "Chains of callbacks, 1 ready in each turn"),
        ("timers", {}, "Timers, most of them cancelled, 100 of 1,000 fire"),
        ("tasks", {"pairs": 1, "switches": 1}, "Tasks that wake each other, 1 pair, each task woken once"),
        ("tasks", {}, "Tasks that wake each other, 100 pairs, each task woken 100 times"),
        ("wakeups", {}, "Wake-ups from threads, 1 thread, 1 call at a time"),
        ("wakeups", {"threads": 2, "burst": 9}, "Wake-ups from threads, 2 threads, 9 calls at a time"),
        ("subprocesses", {}, "Subprocesses, 4 at a time, 1 KiB"),
        ("signals", {}, "Signals to oneself, 1 at a time"),
        ("idle-cpu", {}, "Nothing to do, 100 silent connections, 100 ticks a second"),
        ("idle-cpu", {"connections": 1, "ticks": 0}, "Nothing to do, 1 silent connection, no tick"),
        ("dns", {"source": 0}, "Name lookups, 127.0.0.1, 4 at a time"),
        ("dns", {"delay": 5}, "Name lookups, a server asked that waits 5 ms, 4 at a time"),
    ],
)
def test_a_title_is_for_people(name: str, values: dict[str, int], title: str) -> None:
    assert workload(name).scenario(**values).title == title


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("echo-sockets", {"connections": 0}, "expected echo-sockets.connections of at least 1, got 0"),
        (
            "echo-sockets",
            {"size": 1 << 30},
            "expected echo-sockets.size of at most 16,777,216, got 1,073,741,824",
        ),
        ("idle", {"idle": -1}, "expected idle.idle of at least 0, got -1"),
        (
            "ring",
            {"pairs": 10, "active": 11},
            "expected ring.active of at most its pairs (10), got 11: give fewer, or more pairs",
        ),
        ("churn", {"connections": 101}, "expected churn.connections of at most 100, got 101"),
        ("udp", {"size": 7}, "expected udp.size of at least 8, got 7"),
        ("ring", {"pear": 1}, "ring has no parameter 'pear'; it has pairs, active, writes"),
    ],
)
def test_a_bad_value_is_refused_by_name_bound_and_value(
    name: str, values: dict[str, int], message: str
) -> None:
    with pytest.raises(LabError) as caught:
        workload(name).scenario(**values)
    assert str(caught.value).removesuffix(": `muxlab workloads` lists the bounds") == message


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("echo-sockets", {"connections": 1}),
        ("idle", {"active": 1}),
        ("pipeline", {"connections": 1, "depth": 1}),
        ("http", {"connections": 1}),
        ("udp", {"connections": 1}),
        ("fanout", {"subscribers": 1}),
    ],
)
def test_ping_pong_over_one_connection_is_labelled(name: str, values: dict[str, int]) -> None:
    (label,) = workload(name).scenario(**values).labels
    assert "scheduler's wake-up" in label


def test_descriptors_are_counted_with_headroom() -> None:
    values = workload("idle").scenario(idle=500, active=10).parameters
    assert workload("idle").server_descriptors(values) == 510 + DESCRIPTOR_HEADROOM
    assert workload("idle").load_descriptors(values) == 510 + DESCRIPTOR_HEADROOM
    pairs = workload("ring").scenario(pairs=200).parameters
    assert workload("ring").server_descriptors(pairs) == 400 + DESCRIPTOR_HEADROOM
    assert workload("ring").load_descriptors(pairs) == 0


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 byte"), (1000, "1,000 bytes"), (65536, "64 KiB"), (3 << 20, "3 MiB")]
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert byte_count(size) == text
