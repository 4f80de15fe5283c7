"""Subprocesses: that children come and go with their bytes, and that a wrong one is noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.workloads import subprocesses
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

SUBPROCESSES = workload("subprocesses")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_pass_is_one_child_for_each_under_way(loop: str) -> None:
    assert one_pass(SUBPROCESSES, LOOPS[loop], concurrent=3, payload=32_768) == 3


def test_the_floor_has_as_many_children() -> None:
    assert one_pass_by_hand(SUBPROCESSES, concurrent=3, payload=32_768) == 3


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("tr a b", "expected child 0 to give its 200 bytes back, got 200 others"),
        ("cat; echo more", "expected child 0 to give its 200 bytes back, got 205"),
        ("cat; exit 3", "expected child 0 to end with status 0, got 3"),
    ],
)
def test_a_child_that_does_something_else_is_noticed(
    script: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "cat"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(subprocesses, "_cat", lambda: str(program))
    for run in (one_pass, one_pass_by_hand):
        with pytest.raises(LabError, match=complaint):
            run(SUBPROCESSES, concurrent=1, payload=200)


def test_each_child_has_bytes_of_its_own() -> None:
    with SUBPROCESSES.by_hand({"concurrent": 200, "payload": 3}) as exercise:
        assert len(set(exercise.payloads)) == 200
        assert {len(payload) for payload in exercise.payloads} == {3}


def test_without_cat_there_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LabError, match="expected a program called cat on the PATH, found none"):
        one_pass(SUBPROCESSES, asyncio.new_event_loop, concurrent=1, payload=1)
