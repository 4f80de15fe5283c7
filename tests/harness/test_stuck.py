"""Who is to blame when nobody answers."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from lab.harness import stuck

Start = Callable[[str], int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python program that prints a line once it is where it stays; return its process id."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(code: str) -> int:
        command = [sys.executable, "-c", f"print(flush=True)\n{code}"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"\n"
        return process.pid

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def test_where_all_wait_nobody_is_blamed(start: Start) -> None:
    processes = {"server": start("input()"), "load": start("input()")}
    assert stuck.look(processes) == (None, "the server waits, the load waits")


def test_a_stopped_process_is_blamed(start: Start) -> None:
    processes = {"server": start("input()"), "load": start("input()")}
    psutil.Process(processes["load"]).send_signal(signal.SIGSTOP)
    assert stuck.look(processes) == ("load", "the server waits, the load is stopped (SIGSTOP)")


def test_who_computes_while_the_other_waits_is_blamed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "COMPUTING", 0.05)
    processes = {"server": start("while True: pass"), "load": start("input()")}
    assert stuck.look(processes) == ("server", "the server computes, the load waits")


def test_a_process_alone_is_the_one(start: Start) -> None:
    assert stuck.look({"server": start("input()")}) == ("server", "the server waits")


def test_the_innermost_frame_is_the_first_of_the_dump() -> None:
    dump = (
        'Thread 0x1 (most recent call first):\n  File "channel.py", line 1 in command\n\n'
        "Current thread 0x2 (most recent call first):\n"
        '  File "loop.py", line 7 in spin\n  File "<frozen runpy>", line 88 in _run_code\n'
    )
    assert stuck.innermost_frame(dump) == 'File "loop.py", line 7 in spin'
    assert stuck.innermost_frame("Traceback ...") is None
