"""Readers that fail, and events that belong to nobody: what the turn makes of them."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from backends.contract import READ, WRITE
from backends.scripted_backend import ScriptedBackend
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, run_turns

Reports = list[dict[str, Any]]


def fail(error: BaseException | None = None) -> None:
    raise error or ZeroDivisionError("on purpose")


def test_a_failing_reader_is_reported_and_stays(loop: Loop, reports: Reports, pair: Pair) -> None:
    loop.add_reader(pair[0], fail)
    pair[1].send(b"!")
    run_turns(loop, 3)
    loop.remove_reader(pair[0])
    assert len(reports) >= 2, "level-triggered: it is called again"
    assert {repr(report["exception"]) for report in reports} == {"ZeroDivisionError('on purpose')"}
    reports.clear()


def test_a_failing_reader_that_removed_itself_is_still_named(
    loop: Loop, reports: Reports, pair: Pair
) -> None:
    def leave_and_fail(sock: Any) -> None:
        loop.remove_reader(sock)
        fail()

    loop.add_reader(pair[0], leave_and_fail, pair[0])
    pair[1].send(b"!")
    run_turns(loop, 3)
    assert isinstance(reports[0]["handle"], asyncio.Handle)
    if not loop._edge:  # which has only the handle, and that says nothing once it is cancelled
        assert "leave_and_fail" in reports[0]["message"]
    assert len(reports) == 1
    reports.clear()


def test_a_failing_method_is_named_with_its_object(loop: Loop, reports: Reports, pair: Pair) -> None:
    class Party:
        def read_and_fail(self, sock: Any, size: int) -> None:
            sock.recv(size)
            fail()

    party = Party()
    loop.add_reader(pair[0], party.read_and_fail, pair[0], 10)
    pair[1].send(b"!")
    run_turns(loop, 3)
    loop.remove_reader(pair[0])
    (report,) = reports
    assert "Party.read_and_fail(<socket" in report["message"]
    if not loop._edge:
        assert report["handle"]._callback == party.read_and_fail
    reports.clear()


@pytest.mark.parametrize("first_fd", [41, 0])
def test_a_reader_that_looks_in_vain_is_reported_as_any_other(
    fake_loop: Loop, scripted: Any, reports: Reports, first_fd: int
) -> None:
    """The turn looks for the reader in a list, and must not take the reader's IndexError for its own."""
    fake_loop.add_reader(first_fd, [].pop)
    scripted.tell(first_fd, READ)
    run_turns(fake_loop)
    (report,) = reports
    assert isinstance(report["exception"], IndexError)
    assert report["exception"].__context__ is None
    reports.clear()


@pytest.mark.parametrize("mask", [READ, WRITE, READ | WRITE])
def test_a_number_that_was_never_registered_stops_nobody_elses_call(
    fake_loop: Loop, scripted: ScriptedBackend, mask: int
) -> None:
    log: list[Any] = []
    scripted.tell_stray(4_000, mask)
    fake_loop.add_reader(41, lambda: log.append(sys.exc_info()))
    scripted.tell(41, READ | WRITE)
    run_turns(fake_loop)
    assert log == [(None, None, None)], "called, and not while an error is handled"
    assert ("stray", 4_000) in scripted.calls
