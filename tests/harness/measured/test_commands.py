"""A command line of somebody's own: its places, the loop it gets, and what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.harness.measured import commands


def words(text: str, loop: str = "lab.factories:epoll") -> list[str]:
    return commands.command_line(text, host="127.0.0.1", port=8000, loop=loop)


def script(folder: Path, first_line: str) -> str:
    path = folder / "server"
    path.write_text(f"{first_line}\nprint()\n", "utf-8")
    path.chmod(0o700)
    return str(path)


def test_places_are_filled_and_words_are_split_as_a_shell_would() -> None:
    command = "uvicorn 'my app:app' --loop {loop} --bind={host}:{port}"
    filled = ["uvicorn", "my app:app", "--loop", "lab.factories:epoll", "--bind=127.0.0.1:8000"]
    assert words(command) == filled


def test_braces_that_are_no_place_stay_as_they_are() -> None:
    command = """server --log '{"level": 1}' --loop {loop} {port}"""
    assert words(command)[2] == '{"level": 1}'


@pytest.mark.parametrize(
    ("command", "started"),
    [
        ("python server.py {port}", "python -m lab.on_loop L server.py 8000"),
        ("python3.12 -m server {port}", "python3.12 -m lab.on_loop L -m server 8000"),
        (
            "/usr/bin/python3 -O -X dev -Wignore s.py -m {port}",
            "/usr/bin/python3 -O -X dev -Wignore -m lab.on_loop L s.py -m 8000",
        ),
    ],
)
def test_python_without_a_place_for_the_loop_is_started_on_it(command: str, started: str) -> None:
    assert " ".join(words(command, loop="L")) == started


@pytest.mark.parametrize("first_line", ["#!/opt/bin/python3.11 -s", "#!/usr/bin/env python3"])
def test_so_is_a_script_whose_first_line_names_python(tmp_path: Path, first_line: str) -> None:
    server = script(tmp_path, first_line)
    interpreter = first_line.removeprefix("#!").removeprefix("/usr/bin/env ").split()
    assert words(f"{server} {{port}}", "L") == [*interpreter, "-m", "lab.on_loop", "L", server, "8000"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("", "expected a command line"),
        ("server '{port}", "No closing quotation"),
        ("python server.py", r"expected \{port\} in --serve"),
        ("python server.py {port} {prot}", r"got \{prot\}"),
        ("surely-no-such-command --loop {loop} {port}", "which is not found"),
        ("python -c pass {port}", "expected a file, or -m and a module"),
        ("python -O {port}", None),
        ("sh server.sh {port}", "cannot choose the loop of 'sh'"),
        ("sh server.sh {port} {loop}", None),
    ],
)
def test_what_cannot_be_started_is_refused_before_the_run(command: str, complaint: str | None) -> None:
    if complaint is None:
        assert commands.checked(command) == command
    else:
        with pytest.raises(LabError, match=complaint):
            commands.checked(command)


def test_commands_beside_the_interpreter_come_first() -> None:
    assert commands.search_path().split(os.pathsep)[0] == os.path.dirname(sys.executable)


def test_a_custom_loop_is_named_as_it_is_and_does_not_tell_when_the_program_imports_it() -> None:
    assert commands.loop_place("epoll-et+pytasks") == "lab.factories:epoll_et_pytasks"
    assert commands.loop_place("mine.loops:make") == "mine.loops:make"
    assert not commands.tells("server {loop} {port}", "mine.loops:make")
    assert commands.tells("python server.py {port}", "mine.loops:make")
    assert commands.tells("server {loop} {port}", "lab.factories:epoll")
