"""What several load processes report of their schedules, as one; and when a load counts as late."""

from __future__ import annotations

import pytest

from lab.harness.latency import latency_record
from lab.harness.load.kept_schedule import LATE_AT_LEAST_NS, LATE_SHARE, open_loop_record, was_late
from lab.results import LatencyRecord, OpenLoopRecord


def latency(*raw_ns: int) -> LatencyRecord:
    made = latency_record(raw_ns)
    assert made is not None
    return made


def record(late_ns: int = 0) -> OpenLoopRecord:
    one = {"offered": 100, "unserved": 4, "backlog": 7, "drain_ns": 2_000_000, "under_way_ns": 500_000_000}
    other = {"offered": 99, "unserved": 0, "backlog": 1, "drain_ns": 9_000_000, "under_way_ns": 250_000_000}
    made = open_loop_record([one, other], 0.5, latency(1_000), latency(late_ns))
    assert made is not None
    return made


def test_the_schedules_of_all_processes_are_one() -> None:
    made = record()
    assert (made.offered, made.unserved, made.backlog, made.drain_s) == (199, 4, 8, 0.009)
    assert made.on_the_way == pytest.approx(1.5)


def test_a_load_that_sent_nothing_has_no_record() -> None:
    assert open_loop_record([{}], 1.0, None, None) is None


def test_a_load_is_late_where_its_lateness_is_much_of_what_it_reports() -> None:
    late_ns = 10 * LATE_AT_LEAST_NS
    bound_ns = round(late_ns / LATE_SHARE)
    assert was_late(record(late_ns), latency(bound_ns - 10))
    assert not was_late(record(late_ns), latency(bound_ns + 10))


def test_little_lateness_is_forgiven_even_where_latencies_are_small() -> None:
    assert not was_late(record(LATE_AT_LEAST_NS), latency(LATE_AT_LEAST_NS))


def test_a_closed_loop_is_never_late() -> None:
    assert not was_late(None, latency(1))
