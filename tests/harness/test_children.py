"""What the processes of a sample are started with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.harness.children import DISTORTING_VARIABLES, _environment


def test_what_would_distort_the_figures_is_kept_from_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DISTORTING_VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OF_THE_USER", "kept")
    seen = _environment()
    assert not seen.keys() & set(DISTORTING_VARIABLES)
    assert seen["OF_THE_USER"] == "kept"


def test_the_processes_read_and_write_bytecode_whatever_the_user_has_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asked = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]
    assert subprocess.run(asked, env=_environment(), capture_output=True, text=True).stdout == "False\n"
