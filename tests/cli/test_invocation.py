"""The command that is told to the reader works for the reader."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lab.cli import app, main
from lab.cli.app import muxlab
from lab.cli.exit_codes import INTERRUPTED
from lab.cli.invocation import as_started, program
from lab.cli.terminal import short
from tests.codebase import ROOT


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment's ``muxlab`` under the working directory, not on the search path."""
    script = tmp_path / ".venv" / "bin" / "muxlab"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    return script


@pytest.mark.parametrize("started", [".venv/bin/muxlab", "lab/__main__.py"])
def test_a_script_that_is_not_on_the_path_is_named_by_its_place(
    script: Path, started: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert program() == ".venv/bin/muxlab"


def test_a_script_on_the_path_is_named_alone(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", str(script.parent))
    assert program() == "muxlab"


def test_without_a_script_the_module_is_named(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script.unlink()
    monkeypatch.setattr(sys, "argv", ["lab/__main__.py"])
    assert program() == ".venv/bin/python -m lab"


def test_what_other_rooms_say_names_the_program_as_it_was_started(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/muxlab"])
    result = CliRunner().invoke(muxlab, ["report"])
    assert "take one with `make bench` or `.venv/bin/muxlab bench`" in result.stderr
    assert as_started("muxlab: see `muxlab doctor`") == "muxlab: see `.venv/bin/muxlab doctor`"


def test_help_pages_name_the_program_as_it_was_started(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/muxlab"])
    pages = [CliRunner().invoke(muxlab, words).stdout for words in (["-h"], ["bench", "-h"], ["trace", "-h"])]
    assert "`.venv/bin/muxlab bench`" in " ".join(pages[0].split())
    assert "see `.venv/bin/muxlab workloads`" in " ".join(pages[1].split())
    assert "    .venv/bin/muxlab trace --html trace.html client.py\n" in pages[2]
    assert not any("`muxlab" in page or " muxlab trace --" in page for page in pages)


def test_usage_names_the_program_as_it_was_started(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/muxlab", "bench", "--rounds", "x"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith(
        "Usage: .venv/bin/muxlab bench [OPTIONS]\nTry '.venv/bin/muxlab "
    )


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_nobody_listening(closed: str, tmp_path: Path) -> None:
    command = f'exec "$0" -m lab workloads {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("echo-sockets") is (closed == "2>&-")


def test_help_that_cannot_be_written_is_told_in_a_line() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lab", "-h"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (1, "muxlab: the system refused: No space left on device\n")


def test_a_working_directory_that_is_gone_is_survived(
    script: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path_factory.mktemp("gone")
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program() == str(script)
    assert short(script) == str(script)


def test_ctrl_c_while_the_program_is_imported_ends_in_the_usual_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def impatient(name: str, *args: Any, **more: Any) -> Any:
        if name == "lab.cli.app":
            raise KeyboardInterrupt
        return importing(name, *args, **more)

    importing = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", impatient)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "muxlab: stopped at once\n"


def test_before_that_nothing_is_imported_that_python_has_not_loaded_already() -> None:
    files = ("lab/__init__.py", "lab/cli/__init__.py", "lab/cli/exit_codes.py")
    lines = [line for name in files for line in (ROOT / name).read_text("utf-8").splitlines()]
    imported = {line for line in lines if line.startswith(("import ", "from "))}
    assert imported == {
        "from __future__ import annotations",
        "import os",
        "import sys",
        "from lab.cli.exit_codes import INTERRUPTED",
    }


def test_an_interrupted_program_is_deaf_to_further_ctrl_c_on_its_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(**_: Any) -> None:
        sys.exit(INTERRUPTED)

    monkeypatch.setattr(app, "muxlab", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
