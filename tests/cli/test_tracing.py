"""``muxlab trace``: other people's programs, watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lab.cli.app import muxlab

ECHO = """
import asyncio, socket, sys

async def main():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        loop.call_soon(theirs.send, b"hello")
        print("got", await loop.sock_recv(ours, 100), *sys.argv[1:])
    {ending}

asyncio.run(main())
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "client.py"
    path.write_text(ECHO.format(ending="pass"), "utf-8")
    return path


def trace(*arguments: object) -> Result:
    return CliRunner().invoke(muxlab, ["trace", *map(str, arguments)])


def test_without_a_program_one_echo_exchange_is_told() -> None:
    result = trace()
    assert result.exit_code == 0
    assert result.stdout.startswith("One echo between two tasks, on ")
    assert result.stdout.count("its done-callback wakes task") == 2
    assert result.stdout.count(", and steps 6 and 7 happen within it") == 2


def test_backend_and_tasks_can_be_chosen(script: Path) -> None:
    result = trace("-b", "select", "--tasks", "python", script)
    assert result.exit_code == 0
    assert "client.py, on select with Python tasks: 1 socket call" in result.stdout
    assert "5 bytes returned to main" in result.stdout


@pytest.mark.parametrize("limit", ["-1", "x", "1.5"])
def test_a_limit_is_a_whole_number(script: Path, limit: str) -> None:
    result = trace("--limit", limit, script)
    assert result.exit_code == 2
    assert f"expected a whole number of at least 0, got '{limit}'" in result.output


def test_a_program_gets_its_own_arguments_and_speaks_first(script: Path) -> None:
    assert trace(script, "--backend", "x").stdout.startswith("got b'hello' --backend x\nclient.py, on ")


def test_a_module_is_traced_as_python_m_would_run_it(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(script.parent)
    result = trace("-m", "client")
    assert result.exit_code == 0
    assert "\nclient, on " in result.stdout


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("raise LookupError('no such thing')", 1, "LookupError: no such thing"),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('gone wrong')", 1, "gone wrong"),
        ("raise KeyboardInterrupt", 130, ""),
    ],
)
def test_a_program_that_fails_leaves_its_trace_and_its_exit_code(
    script: Path, ending: str, code: int, said: str
) -> None:
    script.write_text(ECHO.format(ending=ending), "utf-8")
    page = script.with_name("trace.html")
    result = trace("--html", page, script)
    assert result.exit_code == code
    assert said in result.stderr
    assert "5 bytes returned to main" in result.stdout
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_page_and_the_chrome_trace_are_written_where_asked(script: Path) -> None:
    page, chrome = script.with_name("trace.html"), script.with_name("trace.json")
    result = trace("--html", page, "--json", chrome, script)
    assert result.exit_code == 0
    assert "trace.html\n" in result.stdout and "open it in https://ui.perfetto.dev" in result.stdout
    assert "client.py" in page.read_text("utf-8")
    assert json.loads(chrome.read_text("utf-8"))["traceEvents"]


def test_nothing_runs_if_its_trace_could_not_be_written(script: Path) -> None:
    result = trace("--html", script.with_name("nowhere") / "trace.html", script)
    assert result.exit_code == 2
    assert "got b'hello'" not in result.stdout


def test_a_program_that_goes_elsewhere_leaves_its_trace_where_it_was_asked_for(
    script: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(script.parent)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    script.write_text(ECHO.format(ending=f"import os; os.chdir({str(elsewhere)!r})"), "utf-8")
    assert trace("--json", "trace.json", script).exit_code == 0
    assert json.loads(script.with_name("trace.json").read_text("utf-8"))["traceEvents"]


def test_the_files_are_written_even_if_nobody_reads_the_text(script: Path) -> None:
    page, chrome = script.with_name("trace.html"), script.with_name("trace.json")
    script.write_text("import asyncio; asyncio.run(asyncio.sleep(0))", "utf-8")
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "lab", "trace", "--html", page, "--json", chrome, script]
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert "Traceback" not in done.stderr
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(chrome.read_text("utf-8"))["traceEvents"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-b", "epol"], "no backend is called 'epol'. Did you mean 'epoll'?"),
        (["no-such-file.py"], "expected a Python file to run, got 'no-such-file.py'"),
        (["-m", "no_such_module_here"], "got 'no_such_module_here', which cannot be found"),
        (["--tasks", "rust"], "expected c or python, got 'rust'"),
        (["--html", "no/such/folder/x.html"], "expected a file that can be written, got no/such/folder/x"),
        (["--json", "x", "--html", "./x"], "expected a file each for --html and --json, got x for both"),
        (["--html", "client.py"], "got the Python program client.py: name the file before it"),
        pytest.param(
            ["--json", "/dev/full"],
            "got /dev/full: No space left on device",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system"),
        ),
    ],
)
def test_what_cannot_be_done_is_told_without_a_traceback(arguments: list[str], expected: str) -> None:
    result = trace(*arguments)
    assert result.exit_code == 2
    assert expected in result.output
    assert "Traceback" not in result.output
