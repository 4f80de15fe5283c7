"""Samples from end to end, in real processes with tiny windows."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.harness import children, subjects
from lab.harness.planning.rates import at_rate
from lab.harness.sampling import Timing, choose_cores, client_limited, sample_in_steps
from lab.harness.stuck import innermost_frame
from lab.results import Sample, ScenarioRecord, from_json, to_json
from lab.workloads.registry import WORKLOADS, workload
from tests.harness.one_sample import TIMING, one_sample, unpinned
from tests.harness.small_scenarios import small_scenario

HANG_TIMING = Timing(window_s=0.05, warmup_s=0.02, deadline_s=3)
ONE_OF_EACH = ["asyncio", "uvloop", "floor", "epoll"]
MINI_LOOPS = ["select", "poll", "epoll", "epoll-et", "kqueue", "selectors-poll", "epoll+pytasks"]
LOOPS_FOR_TESTS = "tests.harness.loops_for_tests"


def subjects_for(name: str) -> list[str]:
    """On whom a workload is tried here, which starts processes. On every kind of loop it is tried without:
    if it has a server in `test_served_workloads.py`, else in tests of its own; the ring on every backend."""
    if name == "echo-sockets":
        return list(dict.fromkeys(ONE_OF_EACH + MINI_LOOPS))
    if name == "ring":
        return ONE_OF_EACH
    return ["floor" if workload(name).load == "closed" else "epoll"]


@pytest.fixture(autouse=True)
def no_process_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a process running or not waited for."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def recording(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(children.subprocess, "Popen", recording)
    yield
    assert [process.pid for process in started if process.returncode is None] == []


def sample(subject: str, scenario: ScenarioRecord | None = None, timing: Timing = TIMING) -> Sample:
    return one_sample(subject, scenario or small_scenario("echo-sockets"), timing=timing)


def troubled(loop: str, timing: Timing = TIMING) -> Sample:
    return sample(f"{LOOPS_FOR_TESTS}:{loop}", timing=timing)


def skip_unless_available(subject: str) -> None:
    if reason := subjects.unavailable(subject):
        pytest.skip(f"{subject}: {reason}")


@pytest.mark.parametrize(
    ("name", "subject"),
    [(name, subject) for name in WORKLOADS for subject in subjects_for(name)],
)
def test_every_subject_does_verified_work(name: str, subject: str) -> None:
    skip_unless_available(subject)
    taken = sample(subject, small_scenario(name))
    assert (taken.status, taken.reason) == ("ok", None)
    assert taken.operations > 0
    assert taken.cpu_s > 0
    assert taken.window_s >= TIMING.window_s
    assert taken.peak_rss_bytes > 1_000_000
    assert (taken.counters is not None) == (subject in MINI_LOOPS)
    if workload(name).load == "closed":
        assert taken.latency.count == taken.operations
        assert taken.load_cpu_s > 0
    else:
        assert taken.load_cpu_s is None
        assert (taken.latency is None) == (workload(name).latency == "round trip")


def test_a_sample_says_what_it_is_of_and_survives_storage() -> None:
    taken = one_sample("floor", small_scenario("echo-sockets"), round=2, order=7)
    assert (taken.subject, taken.round, taken.order, taken.warmup) == ("floor", 2, 7, False)
    assert taken.scenario == "echo-sockets[connections=8,size=1024]"
    assert from_json(Sample, to_json(taken)) == taken


def test_the_load_process_starts_without_what_takes_longest() -> None:
    load = "import sys, lab.harness.load.process; print({'asyncio', 'ssl', 'logging'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


@pytest.mark.parametrize("name", ["echo-sockets", "callbacks"])
def test_a_sample_waits_once_its_processes_are_started_and_before_each_slice(name: str) -> None:
    """So that those of a block start at once; what they do meanwhile is not asked for."""
    how = {"round": 0, "order": 0, "warmup": False, "timing": TIMING, "cores": choose_cores(), "seed": 1}
    steps = sample_in_steps(subjects.describe("floor"), small_scenario(name), **how)
    before = set(psutil.Process().children())
    next(steps)
    started = set(psutil.Process().children()) - before
    assert len(started) == (2 if name == "echo-sockets" else 1)
    waits = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert end.value.status == "ok"
            assert waits == len(end.value.slice_cpu_s)
            break
        waits += 1
    assert not any(each.is_running() for each in started)


def test_a_sample_that_is_given_up_while_its_processes_start_leaves_none() -> None:
    how = {"round": 0, "order": 0, "warmup": False, "timing": TIMING, "cores": choose_cores(), "seed": 1}
    steps = sample_in_steps(subjects.describe("floor"), small_scenario("echo-sockets"), **how)
    before = set(psutil.Process().children())
    next(steps)
    started = set(psutil.Process().children()) - before
    steps.close()
    assert started
    assert not any(each.is_running() for each in started)


def test_the_twin_is_measured_as_its_original() -> None:
    taken = sample(subjects.twin_name)
    assert (taken.subject, taken.status) == ("asyncio-again", "ok")


@pytest.mark.parametrize("name", ["echo-sockets", "echo-streams-tls", "echo-sockets-unix"])
def test_a_floor_returns_messages_larger_than_socket_buffers_whole(name: str) -> None:
    taken = sample("floor", workload(name).scenario(connections=2, size=3_000_001))
    assert (taken.status, taken.reason) == ("ok", None)
    assert taken.operations >= 2


def test_what_a_connection_takes_is_known_where_there_are_many() -> None:
    held = {name: sample(name, workload("held").scenario(idle=1500)) for name in ("floor", "asyncio")}
    assert 50 < held["floor"].connection_bytes < held["asyncio"].connection_bytes < 20_000
    assert sample("floor").connection_bytes is None


def test_the_place_of_a_unix_socket_is_gone_after_the_sample(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert sample("floor", small_scenario("echo-sockets-unix")).status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_loop_without_servers_fails_by_saying_so() -> None:
    taken = sample(f"{LOOPS_FOR_TESTS}:ServerlessLoop", small_scenario("echo-protocol"))
    assert taken.reason == "server: unsupported: the loop does not implement create_server"


def test_the_servers_account_holds_exactly_the_requests_that_the_load_counted() -> None:
    taken = troubled("CountingLoop")
    assert taken.status == "ok"
    assert taken.counters == {"echoed": taken.operations}


def test_the_account_holds_exactly_what_an_open_loop_of_two_processes_was_answered() -> None:
    offered = at_rate(small_scenario("echo-sockets"), 2_000)
    taken = one_sample(f"{LOOPS_FOR_TESTS}:CountingLoop", offered, cores=unpinned(loads=2))
    assert (taken.status, taken.reason) == ("ok", None)
    assert taken.counters == {"echoed": taken.operations}
    assert taken.operations + taken.open_loop.unserved == taken.open_loop.offered == 100
    assert taken.latency.count == taken.open_loop.uncorrected.count == taken.operations
    assert taken.latency.mean_ns >= taken.open_loop.uncorrected.mean_ns
    assert 0 < taken.load_utilisation <= 1
    assert from_json(Sample, to_json(taken)) == taken


def test_output_of_somebodys_loop_does_not_garble_the_reports() -> None:
    assert troubled("chatty_loop").status == "ok"


@pytest.mark.parametrize(
    ("loop", "reason"),
    [
        ("DoublingLoop", "load: connection"),
        ("ClosingLoop", "expected it to stay open, the server closed it"),
        ("ComplainingLoop", "server: RuntimeError: the loop reported: a callback went wrong"),
        ("KilledLoop", "server: ended early, killed by SIGKILL"),
        ("refused_loop", "server: OSError: this mechanism is out of order"),
        ("not_a_factory", "to be a callable that makes an event loop, got 'a loop'"),
        ("MissingLoop", "AttributeError"),
    ],
)
def test_trouble_is_a_failed_sample_with_its_reason(loop: str, reason: str) -> None:
    taken = troubled(loop)
    assert taken.status == "failed"
    assert reason in taken.reason
    assert taken.operations == 0


def test_an_error_of_the_server_is_named_and_its_traceback_kept() -> None:
    taken = troubled("RaisingLoop")
    assert (taken.status, taken.operations) == ("failed", 0)
    assert "server: ValueError: the server is out of echoes" in taken.reason
    assert "loops_for_tests.py:" in taken.reason
    assert "in trouble" in taken.stderr_tail


def test_a_wrong_reply_is_a_sentence_without_a_traceback() -> None:
    taken = troubled("WrongByteLoop")
    assert (taken.status, taken.operations, taken.stderr_tail) == ("failed", 0, "")
    assert taken.reason.startswith("load: ")
    assert ": expected its 1,024 bytes back unchanged; byte 17 came as" in taken.reason


def test_a_hung_server_fails_at_the_deadline_and_shows_where_it_hangs() -> None:
    taken = troubled("HangingLoop", HANG_TIMING)
    assert taken.status == "failed"
    assert "within 3 s of the start, got no answer: the server waits, the load waits" in taken.reason
    assert "in trouble" in taken.stderr_tail


def test_a_stopped_server_is_blamed_although_the_load_was_awaited() -> None:
    taken = troubled("StoppedLoop", HANG_TIMING)
    assert taken.reason.startswith("server: expected the load to")
    assert "the server is stopped (SIGSTOP)" in taken.reason
    assert "loops_for_tests.py" in innermost_frame(taken.stderr_tail)


def test_a_loop_that_never_calls_its_readers_fails_the_ring() -> None:
    taken = sample(f"{LOOPS_FOR_TESTS}:DeafLoop", small_scenario("ring"), HANG_TIMING)
    assert taken.status == "failed"
    assert "expected the workload to warm up within 3 s" in taken.reason


def test_an_interrupt_ends_the_processes_and_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(children.Children, "expect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sample("floor")


def test_processes_that_cannot_be_started_are_a_failed_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children.sys, "executable", "/nonexistent/python")
    taken = sample("floor")
    assert taken.status == "failed"
    assert "expected to start the processes, got" in taken.reason


def test_without_cores_of_their_own_nothing_claims_to_be_pinned() -> None:
    taken = one_sample("floor", small_scenario("echo-sockets"), cores=unpinned(), warmup=True)
    assert (taken.status, taken.pinned, taken.warmup) == ("ok", False, True)


@pytest.mark.parametrize(
    ("load", "server", "limited"),
    [(0.99, 0.5, True), (0.99, 0.95, False), (0.5, 0.1, False), (0.9, 0.8, True), (0.9, 0.99, False)],
)
def test_the_load_is_the_limit_when_it_is_full_and_the_server_is_not(
    load: float, server: float, limited: bool
) -> None:
    assert client_limited(load, server) is limited
