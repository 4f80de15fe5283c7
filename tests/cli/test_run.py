"""``muxlab run``: other people's programs, on the mini-loop."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.app import muxlab

PROGRAM = """
import asyncio, sys

async def main():
    print(type(asyncio.get_running_loop()).__module__, type(asyncio.current_task()).__module__, *sys.argv[1:])

if __name__ == "__main__":
    asyncio.run(main())
    with asyncio.Runner() as runner:
        runner.run(main())
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "hello_loop.py"
    path.write_text(PROGRAM, "utf-8")
    return path


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(muxlab, ["run", *arguments])
    return result.exit_code, result.output


def test_a_script_gets_the_mini_loop_and_its_own_arguments(program: Path) -> None:
    code, output = invoke(str(program), "--backend", "x", "-m")
    assert (code, output) == (0, "lab.loop.loop _asyncio --backend x -m\n" * 2)


def test_tasks_and_backend_can_be_chosen(program: Path) -> None:
    code, output = invoke("--backend", "poll", "--tasks", "python", str(program))
    assert (code, output) == (0, "lab.loop.loop lab.loop.task\n" * 2)


def test_a_module_runs_as_python_m_would(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parent)
    code, output = invoke("-m", "hello_loop", "one")
    assert (code, output) == (0, "lab.loop.loop _asyncio one\n" * 2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["no-such-file.py"], "expected a Python file to run, got 'no-such-file.py'"),
        (["-m", "no_such_module_here"], "got 'no_such_module_here', which cannot be found"),
        (["-b", "epol", "x.py"], "no backend is called 'epol'. Did you mean 'epoll'?"),
        ([], "expected a FILE to run"),
    ],
)
def test_what_cannot_run_is_told_without_a_traceback(arguments: list[str], expected: str) -> None:
    code, output = invoke(*arguments)
    assert code == 2
    assert expected in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("OSError(2, 'its own')", 1),
        ("TimeoutError()", 1),
        ("click.UsageError('its own')", 1),
        ("KeyboardInterrupt()", 130),
        ("SystemExit(7)", 7),
        ("SystemExit('its last words')", 1),
    ],
)
def test_what_a_program_raises_is_its_own(tmp_path: Path, raised: str, code: int) -> None:
    path = tmp_path / "failing.py"
    path.write_text(f"import click\nraise {raised}\n", "utf-8")
    ended, output = invoke(str(path))
    assert ended == code
    shown = f'Traceback (most recent call last):\n  File "{path}", line 2, in <module>\n'
    assert (shown in output) == ("SystemExit" not in raised)
    assert "Samples" not in output


def test_afterwards_asyncio_makes_its_own_loops_again(program: Path) -> None:
    import asyncio

    invoke(str(program))
    with asyncio.Runner() as runner:
        assert type(runner.get_loop()).__module__.startswith("asyncio")
