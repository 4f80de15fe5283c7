"""What `make` says and would do, with a Python that is a script."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.codebase import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the Makefile and nothing installed."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def a_python(folder: Path, version: str, name: str = "python3") -> Path:
    """A script that answers as the Makefile's questions expect of a Python of that version."""
    too_old = tuple(map(int, version.split("."))) < (3, 11)
    script = folder / "bin" / name
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        f'#!/bin/sh\ncase "$2" in\n*print*) echo {version};;\n*exit*) exit {too_old:d};;\nesac\n'
    )
    script.chmod(0o755)
    return script


def make(here: Path, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))
    }
    kept["PATH"] = path or kept["PATH"]
    return subprocess.run(["make", *words], cwd=here, env=kept, capture_output=True, text=True)


def only_these_tools(here: Path) -> str:
    """A search path on which there is no Python but the one that a test put there."""
    tools = here / "bin"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "cut", "cksum", "make", "touch"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    return str(tools)


def test_make_alone_shows_the_help(here: Path) -> None:
    result = make(here)
    assert result.returncode == 0
    assert all(
        f"make {target} " in result.stdout for target in ("bench", "test", "check", "microbench", "size")
    )


@pytest.mark.parametrize("target", ["bench", "test", "check", "microbench", "report", "size"])
def test_an_older_python_gets_a_clear_message(here: Path, target: str) -> None:
    old = a_python(here, "3.9")
    result = make(here, target, f"PYTHON={old}")
    assert result.returncode != 0
    assert f"muxlab needs Python 3.11 or newer; {old} is Python 3.9." in result.stderr
    assert f"make {target} PYTHON=python3.1" in result.stderr
    assert not list(here.glob(".venv*"))


def test_the_default_python_is_checked_too_and_the_way_out_is_told(here: Path) -> None:
    a_python(here, "3.10")
    result = make(here, "bench", path=only_these_tools(here))
    assert "python3 is Python 3.10." in result.stderr
    assert "https://www.python.org/downloads/" in result.stderr


def test_a_newer_python_that_is_there_is_named(here: Path) -> None:
    a_python(here, "3.10")
    a_python(here, "3.12", "python3.12")
    result = make(here, "bench", path=only_these_tools(here))
    assert "There is one here that will do: make bench PYTHON=python3.12" in result.stderr


def test_a_python_that_does_not_exist_gets_a_clear_message(here: Path) -> None:
    result = make(here, "bench", "PYTHON=no-such-python")
    assert "no-such-python cannot be found." in result.stderr
    assert ".venv" not in result.stderr


def test_each_named_python_has_its_own_environment(here: Path) -> None:
    planned = make(here, "-n", "bench", f"PYTHON={a_python(here, '3.12')}").stdout
    assert "-m venv --clear .venv-3.12" in planned
    assert ".venv-3.12/bin/python -m lab bench --profile quick" in planned


def test_a_bare_version_names_the_python_of_that_version(here: Path) -> None:
    a_python(here, "3.12", "python3.12")
    path = only_these_tools(here)
    assert ".venv-3.12/bin/python -m lab bench" in make(here, "-n", "bench", "PYTHON=3.12", path=path).stdout
    missing = make(here, "bench", "PYTHON=3.99", path=path)
    assert missing.returncode != 0
    assert "python3.99 cannot be found." in missing.stderr
    assert "There is one here that will do: make bench PYTHON=python3.12" in missing.stderr


def test_the_variables_become_options(here: Path) -> None:
    variables = ["BACKEND=epoll uvloop", "WORKLOAD=ring", "PROFILE=full", "ROUNDS=3", "SIZE=1KiB", "OUT=x"]
    variables += ["RATE=knee", "PRECISION=5%", "MAX_TIME=10m", "ALLOCATOR=fresh,seasoned", "SYSCALLS=1"]
    planned = make(here, "-n", "bench", f"PYTHON={a_python(here, '3.12')}", *variables).stdout
    options = (
        '--profile full --backend "epoll uvloop" --workload "ring" --rounds "3" --size "1KiB" '
        '--rate "knee" --allocator "fresh,seasoned" --syscalls --precision "5%" --max-time "10m" --out "x"'
    )
    assert options.split() == planned.rpartition("-m lab bench ")[2].split()


def test_system_calls_can_be_left_out_where_the_profile_counts_them(here: Path) -> None:
    words = ["-n", "bench", f"PYTHON={a_python(here, '3.12')}", "PROFILE=full"]
    assert make(here, *words, "SYSCALLS=0").stdout.split()[-1] == "--no-syscalls"
    assert "syscalls" not in make(here, *words).stdout


def test_a_resumed_run_is_not_given_a_profile(here: Path) -> None:
    planned = make(here, "-n", "bench", f"PYTHON={a_python(here, '3.12')}", "RESUME=runs/x").stdout
    assert planned.rpartition("-m lab bench ")[2].split() == ["--resume", '"runs/x"']
