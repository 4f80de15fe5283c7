"""Several load processes as one: how clients are divided, how figures are put together, and what fails."""

from __future__ import annotations

import re
import subprocess
import threading
from array import array
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.harness import children, sampling
from lab.harness.latency import latency_record, read_raw, write_raw
from lab.harness.load.client_kinds import ENGINES, open_clients, to_job
from lab.harness.loads import Loads, busiest_core
from lab.harness.measured.listener import listen
from lab.results import Sample
from lab.workloads.clients import Asking, Churning, Clients, Datagrams, Mixing, Pipelining, Publishing
from tests.harness.one_sample import one_sample, unpinned
from tests.harness.small_scenarios import small_scenario

ASKING = Asking(connections=103, active=5, payload_bytes=64)
WHOLE = (Publishing(9, message_bytes=64), Mixing(9, 2, 4, 64, 100, 1000))


def sample(subject: str, loads: int) -> Sample:
    return one_sample(subject, small_scenario("echo-sockets"), cores=unpinned(loads))


def test_each_process_gets_an_even_share_of_all_that_is_divisible() -> None:
    parts = ASKING.divided(3)
    assert [(part.first, part.connections, part.active) for part in parts] == [
        (0, 35, 2),
        (35, 34, 2),
        (69, 34, 1),
    ]
    assert {part.payload_bytes for part in parts} == {64}


@pytest.mark.parametrize(
    "described", [Pipelining(7, 4, 64), Churning(7, 64), Datagrams(7, 64), Asking(7, 7, 64)]
)
def test_no_connection_is_lost_in_dividing(described: Clients) -> None:
    for processes in range(1, 10):
        parts = described.divided(processes)
        assert sum(part.connections for part in parts) == 7
        assert [part.first for part in parts] == [
            sum(part.connections for part in parts[:number]) for number in range(len(parts))
        ]
        assert len(parts) == min(processes, 7)


def test_no_process_is_without_work() -> None:
    assert [part.active for part in ASKING.divided(64)] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("described", WHOLE)
def test_clients_that_depend_on_one_another_stay_whole(described: Clients) -> None:
    assert described.divided(4) == [described]


def test_every_kind_of_client_says_whether_it_can_be_divided() -> None:
    whole = {kind for kind in ENGINES if not kind.divisible}
    assert whole == {type(each) for each in WHOLE}
    assert {kind.divisible[0] for kind in ENGINES if kind not in whole} == {"connections"}


def test_the_parts_of_a_load_send_nothing_alike() -> None:
    sent = []
    for part in ASKING.divided(2):
        with closing(open_clients(part, ("127.0.0.1", 9), "tcp", seed=3)) as clients:
            sent.append({request for request, _reply in clients.connections.exchanges})
    assert sent[0] and sent[1] and not sent[0] & sent[1]


def test_no_two_datagrams_of_a_load_are_alike() -> None:
    came: list[bytes] = []

    def echo() -> None:
        for _ in range(5):
            datagram, sender = server.recvfrom(100)
            came.append(datagram)
            server.sendto(datagram, sender)

    with listen("udp", None) as server:
        server.setblocking(True)
        echoing = threading.Thread(target=echo)
        echoing.start()
        for part in Datagrams(5, message_bytes=8).divided(2):
            with closing(open_clients(part, server.getsockname(), "udp", seed=3)) as clients:
                clients.connect_some()
        echoing.join()
    assert len(set(came)) == 5


class ScriptedChildren:
    """Stands in for `Children`: processes that only report what each was told to."""

    def __init__(self, measured: list[dict[str, Any]]) -> None:
        self._measured = measured
        self.roles: list[str] = []
        self.heard: list[tuple[int, str]] = []

    def start(self, role: str, module: str, job: dict[str, Any]) -> ScriptedChild:
        self.roles.append(role)
        return ScriptedChild(self, len(self.roles) - 1)

    def expect(self, child: ScriptedChild, event: str, meaning: str) -> dict[str, Any]:
        self.heard.append((child.number, event))
        return self._measured[child.number] if event == "measured" else {"pinned": child.number == 0}


class ScriptedChild:
    def __init__(self, children: ScriptedChildren, number: int) -> None:
        self._children, self.number = children, number

    def send(self, line: str) -> None:
        self._children.heard.append((self.number, line))


WINDOW = {"window_s": 0.3, "slice_s": 0.1}


def scripted(folder: Path, *raw_ns: list[int], core: int | None = 0) -> tuple[Loads, ScriptedChildren]:
    """A load process for each of ``raw_ns``, all on ``core``: number n begins after n ms and ends at 100."""
    jobs, measured = [], []
    for number, (part, raw) in enumerate(zip(ASKING.divided(len(raw_ns)), raw_ns, strict=True)):
        jobs.append({"clients": to_job(part), "core": core, "raw": f"{folder}/{number}-"} | WINDOW)
        write_raw(f"{folder}/{number}-latency", array("q", [*raw, 0, 0]), len(raw))
        figures = {"operations": len(raw), "lost": number, "load_cpu_s": 0.04, "busy_s": 0.04}
        figures |= {"began_ns": number * 1_000_000, "ended_ns": 100_000_000 - number}
        measured.append(figures | {"series": ["latency"], "schedule": None})
    children = ScriptedChildren(measured)
    return Loads(children, jobs), children  # type: ignore[arg-type]


def test_percentiles_are_those_of_all_latencies_together(tmp_path: Path) -> None:
    fast, slow = list(range(1, 100)), [1_000_000]
    loads, _children = scripted(tmp_path, fast, slow)
    loads.run_slice()
    measured = loads.measured()
    assert measured["latency"] == latency_record(fast + slow)
    assert (measured["operations"], measured["lost"], measured["load_cpu_s"]) == (100, 1, 0.08)


def test_the_window_lasts_from_the_first_beginning_to_the_last_end(tmp_path: Path) -> None:
    loads, _children = scripted(tmp_path, [1], [2], [3])
    loads.run_slice()
    assert loads.measured()["window_s"] == pytest.approx(0.1)


def test_slices_are_added_up_until_they_make_the_window(tmp_path: Path) -> None:
    loads, _children = scripted(tmp_path, [1, 2], [3])
    slices = 0
    while not slices or not loads.are_through():
        loads.run_slice()
        slices += 1
    measured = loads.measured()
    assert slices == 3
    assert measured["window_s"] == pytest.approx(0.3)
    assert (measured["operations"], measured["lost"]) == (9, 3)
    assert measured["load_cpu_s"] == pytest.approx(0.24)
    assert measured["load_utilisations"] == pytest.approx((0.4, 0.4))


def test_latencies_of_all_slices_stand_one_behind_the_other(tmp_path: Path) -> None:
    path = str(tmp_path / "raw")
    write_raw(path, array("q", [1, 2, 0]), 2)
    write_raw(path, array("q", [3, 0]), 1)
    assert list(read_raw([path])) == [1, 2, 3]


def test_processes_that_share_a_core_fill_it_together(tmp_path: Path) -> None:
    shared, _children = scripted(tmp_path, [1], [2], core=0)
    shared.run_slice()
    measured = shared.measured()
    assert measured["load_utilisations"] == pytest.approx((0.4, 0.4))
    assert measured["load_utilisation"] == pytest.approx(0.8)
    assert busiest_core([0, 2, 0], [0.2, 0.5, 0.4]) == pytest.approx(0.6)
    assert busiest_core([None, None], [0.4, 0.5]) == 0.5


def test_they_connect_in_turn_and_do_all_else_together(tmp_path: Path) -> None:
    loads, children = scripted(tmp_path, [1], [2])
    assert (children.roles, loads.connections, loads.first_batch) == (
        ["load 1 of 2", "load 2 of 2"],
        103,
        103,
    )
    loads.connect("an address")
    assert children.heard == [(0, "an address"), (0, "connected"), (1, "an address"), (1, "connected")]
    children.heard.clear()
    assert loads.warm_up() is False
    loads.run_slice()
    together = [(0, "go on"), (1, "go on"), (0, "quiet"), (1, "quiet")]
    assert children.heard == [*together, (0, "go"), (1, "go"), (0, "measured"), (1, "measured")]


def test_a_load_of_one_process_is_called_so(tmp_path: Path) -> None:
    loads, children = scripted(tmp_path, [5, 7])
    loads.run_slice()
    assert (children.roles, loads.measured()["latency"].mean_ns) == (["load"], 6)


def test_the_servers_account_holds_exactly_what_all_processes_counted() -> None:
    taken = sample("tests.harness.loops_for_tests:CountingLoop", loads=2)
    assert (taken.status, taken.reason, taken.pinned) == ("ok", None, False)
    assert taken.counters == {"echoed": taken.operations}
    assert taken.latency.count == taken.operations
    assert len(taken.load_utilisations) == 2
    assert taken.load_utilisation == max(taken.load_utilisations)


def test_one_process_that_finds_a_wrong_byte_fails_the_sample_and_is_named() -> None:
    taken = sample("tests.harness.loops_for_tests:WrongByteLoop", loads=2)
    assert taken.status == "failed"
    assert re.match(r"load [12] of 2: connection \d of 4: expected its 1,024 bytes", taken.reason)


def test_one_process_that_crashes_ends_all_and_leaves_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def recording(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))
        return started[-1]

    def crashing(part: Clients) -> dict[str, Any]:
        return to_job(part) | ({"kind": "nobody"} if part.first else {})

    monkeypatch.setattr(children.subprocess, "Popen", recording)
    monkeypatch.setattr(sampling, "to_job", crashing)
    taken = sample("floor", loads=2)
    assert taken.reason.startswith("load 2 of 2: KeyError: 'nobody' (client_kinds.py:")
    assert "Traceback" in taken.stderr_tail
    assert [process.returncode is None for process in started] == [False, False, False]
