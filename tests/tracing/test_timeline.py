"""Where things stand on a drawn timeline."""

from __future__ import annotations

import itertools

import pytest

from lab.tracing import timeline
from lab.tracing.recorder import KERNEL, LOOP, Call, Span, Step
from lab.tracing.timeline import LEFT, LONGEST_WAIT_NS, RIGHT, STEP_GAP, Axis

MS = 1_000_000


def wait(begin_ns: int, end_ns: int) -> Span:
    return Span(KERNEL, "poll waits", begin_ns, end_ns, {"timeout_s": None, "events": ()})


def test_time_runs_evenly_from_edge_to_edge() -> None:
    axis = Axis(1_000, 3_000, (), width=1_000)
    assert (axis(1_000), axis(3_000)) == (LEFT, 1_000 - RIGHT)
    assert axis(2_000) == pytest.approx((LEFT + 1_000 - RIGHT) / 2)
    assert (axis(0), axis(9_999)) == (LEFT, 1_000 - RIGHT)


def test_long_waits_are_drawn_short_and_time_still_runs_on() -> None:
    waits = [wait(10_000, 10_000 + 50 * MS), wait(60 * MS, 3_000 * MS)]
    axis = Axis(0, 3_001 * MS, waits, width=1_000)
    unit = (1_000 - LEFT - RIGHT) / axis.drawn_ns
    for each in waits:
        assert axis(each.end_ns) - axis(each.begin_ns) == pytest.approx(LONGEST_WAIT_NS * unit, rel=0.01)
        assert axis.is_cut(each)
    places = [axis(time_ns) for time_ns in range(0, 3_001 * MS, MS)]
    assert all(before <= after for before, after in itertools.pairwise(places))


def test_a_short_wait_is_drawn_as_it_was() -> None:
    short = wait(0, LONGEST_WAIT_NS)
    assert not Axis(0, MS, [short]).is_cut(short)


def test_no_tick_stands_inside_a_cut_or_on_another() -> None:
    axis = Axis(0, 10 * MS, [wait(MS, 9 * MS)], width=2_000)
    ticks = axis.ticks()
    assert len(ticks) > 5
    assert all(right - left > 40 for (left, _), (right, _) in itertools.pairwise(ticks))
    times_us = [float(label.replace(",", "")) for _, label in ticks]
    assert not [time_us for time_us in times_us if 1_000 < time_us < 9_000]


def test_what_runs_inside_something_stands_one_row_below_it() -> None:
    spans = [Span(LOOP, "outer", 0, 100), Span(LOOP, "inner", 10, 90), Span(LOOP, "next", 100, 200)]
    drawn = timeline.whole(spans)
    outer, inner, following = drawn.bars
    assert (inner.y - outer.y, following.y - outer.y) == (timeline.ROW, 0)
    assert next(band for band in drawn.bands if band.name == LOOP).height == 2 * timeline.ROW
    assert all(bar.x >= LEFT and bar.x + bar.width <= drawn.width for bar in drawn.bars)


def test_a_call_has_its_numbers_apart_and_in_order_and_what_is_none_of_it_faint() -> None:
    details = {
        1: {"backend": "poll waits", "timeout_s": None},
        2: {"mask": 1, "with": 0},
        3: {"value": "1 byte"},
        5: {"task": "t"},
        6: {"how": "send()", "chain": ["t", "sock_recv"]},
        7: {"outcome": "1 byte"},
    }
    steps = [Step(n, 99_990 + n, None, "PENDING", details.get(n, {})) for n in range(1, 8)]
    steps[0].begin_ns = 0
    call = Call(1, "sock_recv", 3, "t", 0, pending_ns=0, waits=1, steps=steps)
    spans = [wait(0, 10), Span(LOOP, "another's", 20, 99_000), Span(LOOP, "its own", 99_991, 100_100)]
    drawn = timeline.of_call(call, spans)
    assert [bar.label for bar in drawn.bars if bar.faint] == ["another's"]
    labels = [mark.label_x for mark in drawn.marks]
    assert [mark.number for mark in drawn.marks] == [1, 2, 3, 4, 5, 6, 7]
    assert all(right - left >= STEP_GAP - 0.01 for left, right in itertools.pairwise(labels))
    assert labels[0] >= LEFT and labels[-1] <= drawn.width - RIGHT
