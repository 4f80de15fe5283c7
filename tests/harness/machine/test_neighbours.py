"""Benches notice each other."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from lab.harness.machine import neighbours
from lab.harness.machine.neighbours import counted, running


@pytest.fixture(autouse=True)
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that no real bench locks."""
    monkeypatch.setattr(neighbours, "mark", lambda: tmp_path / "mark")
    return tmp_path / "mark"


def test_who_is_alone_is_told_so() -> None:
    for _ in range(2):
        with counted() as others:
            assert others is False
    assert not running()


def test_every_later_bench_is_told_while_an_earlier_one_runs() -> None:
    with counted():
        with counted() as second, counted() as third:
            assert second and third
        assert running()
    assert not running()


def test_a_third_bench_is_told_of_the_second_when_the_first_has_ended() -> None:
    with contextlib.ExitStack() as second:
        with counted():
            assert second.enter_context(counted())
        with counted() as others:
            assert others


def test_where_nothing_can_be_locked_nobody_is_told(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "mark", lambda: mark / "no such folder" / "mark")
    with counted(), counted() as others:
        assert others is False


def test_a_link_in_its_place_is_not_followed(mark: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", mark)
    with counted(), counted() as others:
        assert others is False
    assert not (tmp_path / "elsewhere").exists()
