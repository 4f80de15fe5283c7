"""The commands that only tell: help, version, backends, workloads, doctor."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from lab import cli
from lab.cli import terminal
from lab.cli.app import muxlab
from lab.cli.terminal import duration
from lab.harness import subjects
from lab.harness.machine import environment
from lab.harness.planning.rates import can_be_offered
from lab.workloads.registry import WORKLOADS
from tests import fake_measuring


def call(*words: str) -> Result:
    return CliRunner().invoke(muxlab, list(words), prog_name="muxlab")


def test_help_names_every_command_and_the_exit_codes() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in muxlab.commands)
    assert "130 interrupted" in " ".join(result.stdout.split())


def test_no_command_at_all_shows_the_help() -> None:
    assert "Usage: muxlab [OPTIONS] COMMAND" in call().output


def test_the_version_is_that_of_the_distribution() -> None:
    assert call("--version").stdout == f"muxlab {importlib.metadata.version('muxlab')}\n"


def test_help_does_not_wait_for_what_only_reports_need() -> None:
    heavy = "{'pandas', 'matplotlib', 'numpy', 'rich', 'uvloop'}"
    program = f"import sys, lab.cli; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_every_subject_is_listed_and_what_is_missing_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "unavailable", {"uvloop": "uvloop is not installed"}.get)
    monkeypatch.setattr(subjects, "nonconforming", {"asyncio": "fails the conformance test"}.get)
    result = call("backends")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in subjects.names())
    assert "no: uvloop is not installed" in result.stdout
    assert "with --nonconforming only: fails the conformance test" in result.stdout


@pytest.mark.parametrize("columns", [40, 80, 159, 160, 240])
def test_subjects_and_reasons_stay_whole_in_a_terminal_of_any_width(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "loops.of.somebody.elses.package is not installed"
    monkeypatch.setattr(subjects, "unavailable", {"uvloop": reason}.get)
    monkeypatch.setattr(subjects, "nonconforming", {}.get)
    monkeypatch.setattr(terminal, "console", lambda stream: Console(file=stream, width=columns))
    shown = call("backends").stdout
    assert "…" not in shown
    assert all(name in shown for name in subjects.names())
    assert all(word in shown.split() for word in reason.split())


def test_every_workload_is_listed_with_its_parameters() -> None:
    result = call("workloads")
    assert result.exit_code == 0
    for workload in WORKLOADS.values():
        assert workload.question in result.stdout
        assert all(f"{workload.name}.{each.name}=N" in result.stdout for each in workload.parameters)


def test_workloads_that_can_be_offered_a_rate_say_so() -> None:
    said = " ".join(call("workloads").stdout.split())
    assert said.count("load: closed, or at a rate (--rate).") == sum(map(can_be_offered, WORKLOADS.values()))


def test_doctor_is_content_with_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "capture", lambda *_: fake_measuring.environment())
    result = call("doctor")
    assert result.exit_code == 0
    assert "Nothing to mend" in result.stdout


def test_doctor_says_what_to_mend_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = fake_measuring.environment(governor="powersave", load_average=(9.0, 9.0, 9.0))
    monkeypatch.setattr(environment, "capture", lambda *_: noisy)
    result = call("doctor")
    assert result.exit_code == 1
    assert "WARN  frequency governor: powersave" in result.stdout
    assert "2 to mend" in result.stdout


def test_an_unknown_command_is_refused_with_exit_code_2() -> None:
    result = call("bnch")
    assert result.exit_code == 2
    assert "bnch" in result.stderr


def test_windows_gets_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit, match="expected Linux, macOS or a BSD, got Windows"):
        cli.main()


def test_python_dash_m_lab_is_the_same_program() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "lab", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("muxlab ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (170, "2 min 50 s"), (3900, "1 h 5 min"), (-3, "0 s")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
