"""What `make` says and would do, with a Python that is a script.

No other is on the search path: what the machine has would only be slow to ask, and differs.
"""

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
    """A folder with the Makefile, nothing installed, and in ``bin`` the tools that it needs; no Python."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "echo", "cut", "cksum", "make", "touch"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    return tmp_path


def a_python(folder: Path, version: str, name: str = "python3") -> Path:
    """A script that answers as the Makefile's questions expect of a Python of that version."""
    too_old = tuple(map(int, version.split("."))) < (3, 11)
    script = folder / "bin" / name
    script.write_text(
        f'#!/bin/sh\ncase "$2" in\n*print*) echo {version};;\n*exit*) exit {too_old:d};;\nesac\n'
    )
    script.chmod(0o755)
    return script


def make(here: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))
    }
    environment = kept | variables | {"PATH": str(here / "bin")}
    return subprocess.run(
        [here / "bin" / "make", *words], cwd=here, env=environment, capture_output=True, text=True
    )


def test_make_alone_shows_the_help(here: Path) -> None:
    result = make(here)
    assert result.returncode == 0
    assert all(
        f"make {target} " in result.stdout for target in ("bench", "test", "check", "microbench", "size")
    )


@pytest.mark.parametrize("target", ["bench", "test", "check", "microbench", "report", "size"])
def test_an_older_python_gets_a_clear_message(here: Path, target: str) -> None:
    old = a_python(here, "3.9")
    a_python(here, "3.12", "python3.12")
    result = make(here, target, f"PYTHON={old}")
    assert result.returncode != 0
    assert f"muxlab needs Python 3.11 or newer; {old} is Python 3.9." in result.stderr
    assert f"make {target} PYTHON=python3.12" in result.stderr
    assert not list(here.glob(".venv*"))


def test_the_default_python_is_checked_too_and_the_way_out_is_told(here: Path) -> None:
    a_python(here, "3.10")
    result = make(here, "bench")
    assert "python3 is Python 3.10." in result.stderr
    assert "https://www.python.org/downloads/" in result.stderr


def test_a_newer_python_that_is_there_is_named(here: Path) -> None:
    a_python(here, "3.10")
    a_python(here, "3.12", "python3.12")
    result = make(here, "bench")
    assert "There is one here that will do: make bench PYTHON=python3.12" in result.stderr


def test_a_python_that_does_not_exist_gets_a_clear_message(here: Path) -> None:
    result = make(here, "bench", "PYTHON=no-such-python")
    assert "no-such-python cannot be found." in result.stderr
    assert ".venv" not in result.stderr


def test_each_named_python_has_its_own_environment(here: Path) -> None:
    planned = make(here, "-n", "bench", f"PYTHON={a_python(here, '3.12')}").stdout
    assert "-m venv --clear .venv-3.12" in planned
    assert ".venv-3.12/bin/python -m lab bench --profile quick" in planned


def test_an_empty_python_is_one_that_is_not_named(here: Path) -> None:
    a_python(here, "3.12")
    planned = make(here, "-n", "bench").stdout
    assert ".venv/bin/python -m lab bench" in planned
    assert make(here, "-n", "bench", "PYTHON=").stdout == planned
    assert make(here, "-n", "bench", PYTHON="").stdout == planned


def test_a_bare_version_names_the_python_of_that_version(here: Path) -> None:
    a_python(here, "3.12", "python3.12")
    assert ".venv-3.12/bin/python -m lab bench" in make(here, "-n", "bench", "PYTHON=3.12").stdout
    missing = make(here, "bench", "PYTHON=3.99")
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


def test_what_python_compiles_is_kept_for_all_the_processes_of_a_run(here: Path) -> None:
    script = a_python(here, "3.10")
    script.write_text('#!/bin/sh\necho "kept: [$PYTHONDONTWRITEBYTECODE]" >&2\n')
    assert "kept: []" in make(here, "bench", PYTHONDONTWRITEBYTECODE="1").stderr
