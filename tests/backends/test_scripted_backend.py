"""The scripted backend plays its script over a fake clock and fails what would never end."""

import pytest

from backends import BOTH, ERROR, HANGUP, INVALID, READ, WRITE
from backends.scripted_backend import FakeClock, ScriptedBackend, Step


def test_a_fake_clock_moves_only_when_told_and_never_back():
    clock = FakeClock(5.0)
    clock.advance(1.5)
    assert clock() == 6.5
    clock.advance_to(3.0)
    assert clock() == 6.5
    clock.advance_to(7.1)
    assert clock() == 7.1
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)


def test_a_wait_moves_the_clock_to_the_step_that_ends_it():
    clock = FakeClock()
    backend = ScriptedBackend(clock, [Step(2.0, 7, WRITE), (1.0, 7, READ)])
    backend.register(7, READ)
    assert backend.wait(None) == [(7, READ)]
    assert clock() == 1.0


def test_a_wait_moves_the_clock_by_its_timeout_if_nothing_comes_before():
    clock = FakeClock(10.0)
    backend = ScriptedBackend(clock, [(11.0, 7, READ)])
    backend.register(7, READ)
    assert backend.wait(0.25) == []
    assert clock() == 10.25
    assert backend.wait(0) == []
    assert clock() == 10.25
    assert backend.wait(0.75) == [(7, READ)]


def test_a_step_for_what_nobody_asked_does_not_end_a_wait():
    clock = FakeClock()
    backend = ScriptedBackend(clock, [(1.0, 8, READ), (2.0, 7, WRITE), (3.0, 7, READ)])
    backend.register(7, READ)
    assert backend.wait(10) == [(7, READ)]
    assert clock() == 3.0


def test_errors_and_hangups_come_unasked():
    backend = ScriptedBackend(FakeClock(), [(0, 7, BOTH | ERROR | HANGUP)])
    backend.register(7, READ)
    assert backend.wait(None) == [(7, READ | ERROR | HANGUP)]


def test_an_invalid_descriptor_is_reported_once_and_dropped():
    backend = ScriptedBackend(FakeClock(), [(0, 7, INVALID)])
    backend.register(7, READ)
    assert backend.wait(None) == [(7, INVALID)]
    assert dict(backend.interest) == {}


def test_a_wait_that_would_never_end_fails_and_says_what_it_waited_for():
    backend = ScriptedBackend(FakeClock(), [(1.0, 8, READ)])
    backend.register(7, READ)
    with pytest.raises(AssertionError, match=r"would never end.*\{7: 1\}"):
        backend.wait(None)


def test_level_readiness_lasts_until_told_otherwise():
    backend = ScriptedBackend(FakeClock())
    backend.register(7, READ)
    backend.tell(7, READ)
    assert backend.wait(0) == backend.wait(0) == [(7, READ)]
    backend.tell(7, 0)
    assert backend.wait(0) == []


def test_an_edge_is_told_once_and_again_when_new_or_rearmed():
    backend = ScriptedBackend(FakeClock(), trigger="edge")
    assert backend.trigger == "edge"
    backend.tell(7, READ)
    backend.register(7, READ)
    assert [backend.wait(0), backend.wait(0)] == [[(7, READ)], []]
    backend.tell(7, READ)
    assert [backend.wait(0), backend.wait(0)] == [[(7, READ)], []]
    backend.modify(7, READ)
    assert [backend.wait(0), backend.wait(0)] == [[(7, READ)], []]


def test_a_stray_haunts_every_wait_until_it_is_banned():
    backend = ScriptedBackend(FakeClock())
    backend.tell_stray(9, READ)
    assert backend.wait(None) == backend.wait(None) == [(9, READ)]
    backend.stray(9)
    assert backend.wait(0) == []


def test_every_call_is_recorded_in_order():
    backend = ScriptedBackend(FakeClock())
    backend.register(7, READ)
    backend.modify(7, BOTH)
    backend.wait(0)
    backend.unregister(7)
    backend.close()
    assert backend.closed
    assert backend.calls == [
        ("register", 7, READ),
        ("modify", 7, BOTH),
        ("wait", 0),
        ("unregister", 7),
        ("close",),
    ]
