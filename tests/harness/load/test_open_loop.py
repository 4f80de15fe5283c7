"""A schedule that does not wait for the server, against one that answers by a clock of its own."""

from __future__ import annotations

import random
from array import array
from statistics import fmean

import pytest

from lab.harness.load.clients import ReplyError
from lab.harness.load.kept_schedule import KeptSchedule, kept
from lab.harness.load.open_loop import OpenLoop
from lab.harness.load.schedule import arrivals_ns
from tests.harness.scripted_server import MS, US, ScriptedServer, connections_to


def offered(
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    every_ns: int,
    count: int,
    connections: int = 1,
    watches: bool = True,
) -> OpenLoop:
    """``count`` requests, evenly spaced, over as many windows; the run is over."""
    due_ns = array("q", [number * every_ns for number in range(count)])
    opened = connections_to(server, monkeypatch, connections)
    loop = OpenLoop(opened, due_ns, every_ns * count, watches=watches, clock=server.clock)
    loop.run()
    return loop


def times(loop: OpenLoop) -> KeptSchedule:
    return kept(loop, window_ns=loop.due_ns[-1])


def longer_than(limit_ns: int, latencies_ns: array[int]) -> int:
    return sum(each > limit_ns for each in latencies_ns)


def test_each_request_is_sent_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = offered(ScriptedServer(20 * US), monkeypatch, every_ns=100 * US, count=50)
    found = times(loop)
    assert loop.sent_ns == loop.due_ns
    assert set(found.corrected_ns) == set(found.uncorrected_ns) == {20 * US}
    assert set(found.late_ns) == {0}
    assert found.totals["backlog"] == found.totals["unserved"] == 0


def test_a_stall_shows_in_the_latency_from_the_intended_send_and_hardly_from_the_actual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = ScriptedServer(20 * US, stall_ns=(2 * MS, 7 * MS))
    found = times(offered(server, monkeypatch, every_ns=100 * US, count=200))
    assert longer_than(1 * MS, found.uncorrected_ns) == 1
    assert longer_than(1 * MS, found.corrected_ns) > 40
    assert max(found.corrected_ns) == max(found.uncorrected_ns) == 5 * MS + 20 * US
    assert found.totals["backlog"] >= 49


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_the_latency_at_a_rate_is_that_of_queueing_theory(
    monkeypatch: pytest.MonkeyPatch, utilisation: float
) -> None:
    service_ns, seconds = 100 * US, 1.5
    due_ns = arrivals_ns(round(utilisation * 1e9 / service_ns), seconds, random.Random(4))
    server = ScriptedServer(service_ns)
    opened = connections_to(server, monkeypatch, 1)
    loop = OpenLoop(opened, due_ns, round(seconds * 1e9), watches=False, clock=server.clock)
    loop.run()
    found = kept(loop, round(seconds * 1e9))
    # Poisson arrivals, a service of one length, one server: the formula of Pollaczek and Khinchine.
    expected_ns = service_ns * (1 + utilisation / (2 * (1 - utilisation)))
    assert fmean(found.corrected_ns) == pytest.approx(expected_ns, rel=0.05)
    assert set(found.uncorrected_ns) == {service_ns}


def test_waiting_for_the_server_does_not_make_the_load_late(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US, stall_ns=(2 * MS, 7 * MS))
    assert max(times(offered(server, monkeypatch, every_ns=100 * US, count=200)).late_ns) == 0


def test_a_load_that_is_slow_itself_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US, send_ns=150 * US)
    loop = offered(server, monkeypatch, every_ns=100 * US, count=100, connections=100)
    found = times(loop)
    assert max(found.late_ns) > 3 * MS
    assert loop.idle_ns < 100 * US


def test_what_an_overloaded_server_cannot_answer_in_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = offered(ScriptedServer(400 * US), monkeypatch, every_ns=100 * US, count=100)
    found = times(loop)
    assert found.totals["offered"] == 100
    assert found.totals["unserved"] == 100 - loop.sent == 50
    assert len(found.corrected_ns) == loop.sent
    assert found.totals["backlog"] > 70
    assert max(loop.done_ns) <= 2 * 10 * MS + 400 * US
    assert max(found.uncorrected_ns) == 400 * US


def test_everything_sent_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(50 * MS)
    loop = offered(server, monkeypatch, every_ns=1 * MS, count=5, connections=5)
    assert (loop.sent, len(server.asked)) == (5, 5)
    assert all(loop.done_ns)
    assert not any(sock.incoming for sock in server.sockets.values())


def test_connections_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US)
    offered(server, monkeypatch, every_ns=100 * US, count=8, connections=4)
    assert server.asked == [10, 11, 12, 13] * 2


def test_the_number_on_the_way_is_counted_along(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = offered(ScriptedServer(250 * US), monkeypatch, every_ns=100 * US, count=60, connections=4)
    assert loop.under_way_ns == sum(times(loop).uncorrected_ns)


def test_time_without_work_is_told_from_time_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(5 * US, send_ns=30 * US)
    loop = offered(server, monkeypatch, every_ns=100 * US, count=100)
    assert max(loop.done_ns) - loop.idle_ns == pytest.approx(100 * 30 * US, rel=0.01)


def test_a_long_gap_is_slept_through_but_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US)
    loop = offered(server, monkeypatch, every_ns=10 * MS, count=3)
    assert loop.sent_ns == loop.due_ns
    assert [each for each in server.timeouts_s if each] == [0.008, 0.008]


def test_a_load_that_shares_its_core_does_not_watch_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US)
    offered(server, monkeypatch, every_ns=1 * MS, count=20, watches=False)
    assert len(server.timeouts_s) < 100


def test_a_reply_in_parts_ends_with_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US, pieces=3)
    found = times(offered(server, monkeypatch, every_ns=100 * US, count=5))
    assert min(found.corrected_ns) > 20 * US


def test_a_wrong_reply_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ScriptedServer(20 * US, spoilt=3)
    with pytest.raises(ReplyError, match="connection 0 of 1: expected its 16 bytes back unchanged"):
        offered(server, monkeypatch, every_ns=100 * US, count=5)
