"""Every subject's loop can be imported by a name, and tells where it is asked to that it was made."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import Loop, factories
from lab.harness import subjects
from tests.codebase import ROOT


@pytest.mark.parametrize("subject", [*subjects.default_names(), "poll+pytasks"])
def test_a_factory_makes_the_loop_of_its_subject(subject: str) -> None:
    if subject == subjects.FLOOR:
        pytest.skip("floor: no event loop")
    if reason := subjects.unavailable(subject):
        pytest.skip(f"{subject}: {reason}")
    made = [factories.named(f"lab.factories:{factories.attribute_of(subject)}"), subjects.factory(subject)]
    assert len({kind_of(factory) for factory in made}) == 1


def kind_of(factory: subjects.LoopFactory) -> tuple[type, str | None]:
    """The class of what it makes, and a mini-loop's backend."""
    with contextlib.closing(factory()) as loop:
        return type(loop), loop.backend.name if isinstance(loop, Loop) else None


def test_no_loop_is_imported_before_its_factory_is_asked_for() -> None:
    code = "import sys, lab.factories; print({'asyncio', 'uvloop', 'lab.loop'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"


def test_what_is_no_subject_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match=r"expected a subject with underscores .*, got 'epol'"):
        factories.named("lab.factories:epol")
    assert not hasattr(factories, "__wrapped__")


def test_a_loop_that_is_made_is_told_to_the_file_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    monkeypatch.setenv(factories.TOLD_TO, str(told))
    for factory in (factories.poll, factories.telling(asyncio.SelectorEventLoop)):
        factory().close()
    assert told.read_text("ascii") == f"{os.getpid()}\n" * 2
