"""What strace writes is read rightly, and where it does not work the reason is told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.harness import strace
from lab.harness.measured import marks

SERVED = """\
10 execve(0x7ffd, 0x7ffe, 0x5581)       = 0
10 mmap(0, 0x2000, 0x3, 0x22, 0xffffffff, 0) = 0x7f0c
11 access("muxlab-window-begin-others", F_OK) = -1 ENOENT (No such file or directory)
11 write(0x3, 0x7f0c, 0x14)             = 0x14
11 read(0, 0x5581, 0x2000 <unfinished ...>
10 epoll_wait(0x4, 0x7f0c, 0x1, 0xffffffff <unfinished ...>
12 futex(0x7f0c, 0x189, 0, 0, 0, 0xffffffff <unfinished ...>
10 <... epoll_wait resumed>)            = 0x1
10 recvfrom(0x5, 0x7f0c, 0x10000, 0, 0, 0) = 0x400
10 sendto(0x5, 0x7f0c, 0x400, 0, 0, 0)  = 0x400
10 recvfrom(0x6, 0x7f0c, 0x10000, 0, 0, 0) = -1 EAGAIN (Resource temporarily unavailable)
12 <... futex resumed>)                 = 0
11 <... read resumed>)                  = 0x4
11 access("muxlab-window-end-others", F_OK) = -1 ENOENT (No such file or directory)
10 epoll_wait(0x4, 0x7f0c, 0x1, 0xffffffff) = 0x1
"""
"""A server in thread 10, the harness's thread 11, and a thread of the loop's own, 12."""

IN_PROCESS = """\
20 execve(0x7ffd, 0x7ffe, 0x5581)       = 0
20 access("muxlab-window-begin-own", F_OK)  = -1 ENOENT (No such file or directory)
20 vfork( <unfinished ...>
21 dup2(0x5, 0x1)                       = 0x1
21 execve(0x7ffd, 0x7ffe, 0x5581 <unfinished ...>
20 <... vfork resumed>)                 = 0x15
21 <... execve resumed>)                = 0
21 write(0x1, 0x7f0c, 0x4)              = 0x4
21 exit_group(0)                        = ?
20 read(0x4, 0x7f0c, 0x4)               = 0x4
20 access("muxlab-window-end-own", F_OK)    = -1 ENOENT (No such file or directory)
20 exit_group(0)                        = ?
"""
"""A workload that drives itself, and starts a process in its window."""


def test_calls_between_the_marks_count_once_each_and_the_harness_counts_for_nothing() -> None:
    calls = strace.calls(SERVED.splitlines())
    assert calls == {"recvfrom": 2, "epoll_wait": 1, "sendto": 1, "futex": 1}
    assert next(iter(calls)) == "recvfrom"


def test_what_a_started_process_does_is_its_own() -> None:
    assert strace.calls(IN_PROCESS.splitlines()) == {"vfork": 1, "read": 1}


def test_of_a_program_that_is_kept_only_the_program_counts() -> None:
    kept = IN_PROCESS.replace("-own", "-started")
    assert strace.calls(kept.splitlines()) == {"dup2": 1, "write": 1, "exit_group": 1}


@pytest.mark.parametrize("lost", ["begin", "end"])
def test_a_trace_without_both_marks_is_refused(lost: str) -> None:
    lines = [line for line in SERVED.splitlines() if f"window-{lost}" not in line]
    with pytest.raises(ValueError, match="expected the marks of a window"):
        strace.calls(lines)


def fake_strace(folder: Path, script: str) -> str:
    """A program called strace that does what ``script`` says."""
    program = folder / "strace"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_strace_that_may_not_trace_is_refused_with_its_own_words(tmp_path: Path) -> None:
    program = fake_strace(tmp_path, "echo 'ptrace(PTRACE_TRACEME): Operation not permitted' >&2; exit 1")
    reason = strace.refusal(program)
    assert reason is not None
    assert "got: ptrace(PTRACE_TRACEME): Operation not permitted" in reason
    assert "--cap-add=SYS_PTRACE" in reason


def test_a_strace_that_counts_nothing_is_refused(tmp_path: Path) -> None:
    reason = strace.refusal(fake_strace(tmp_path, "exit 0"))
    assert reason is not None
    assert "exit status 0 and no system call" in reason


def test_a_strace_that_cannot_be_started_is_refused(tmp_path: Path) -> None:
    reason = strace.refusal(str(tmp_path / "strace"))
    assert reason is not None
    assert "No such file" in reason


@pytest.fixture
def forgetful() -> Iterator[None]:
    """What is found out about strace is forgotten, before the test and after it."""
    strace.unavailable.cache_clear()
    yield
    strace.unavailable.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_without_strace_the_reason_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "strace is not installed: apt install strace" in str(strace.unavailable())


@pytest.mark.usefixtures("forgetful")
def test_elsewhere_than_on_linux_the_reason_is_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert strace.unavailable() == "strace exists on Linux only, and this is darwin"


def test_a_mark_is_a_call_that_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    marks.leave("begin", "own")
    assert list(tmp_path.iterdir()) == []
