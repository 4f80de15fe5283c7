"""Subprocesses: their pipes, their end and what is told of them, whether a pidfd or a thread tells."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import contextlib
import contextvars
import errno
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import PATIENCE, Run, beside_asyncio, in_time, turns
from tests.loop.high_descriptors import moved_up
from tests.loop.recording import Log, Recorder

PIPE = asyncio.subprocess.PIPE
BLOCKED = ("cat",)
"""A program that waits for its input."""
NEWS = contextvars.ContextVar("NEWS", default="nothing")

needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd_open(2) on this system")


class ProcessRecorder(Recorder, asyncio.SubprocessProtocol):
    """Writes down what is told of a process and its pipes."""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.log.note("pipe_data_received", fd, data)

    def pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        self.log.note("pipe_connection_lost", fd, exc)

    def process_exited(self) -> None:
        self.log.note("process_exited")


@contextlib.asynccontextmanager
async def process(loop: Any, *command: str, **options: Any) -> AsyncIterator[ProcessRecorder]:
    """The protocol of a running program, which is killed at the end if it still runs."""
    transport, protocol = await loop.subprocess_exec(ProcessRecorder, *command, **options)
    try:
        yield protocol
    finally:
        transport.close()
        await protocol.log.until_lost()


def forbid_pidfds(patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EPERM, "a sandbox says no")

    patch.setattr(os, "pidfd_open", refuse, raising=False)


def waiting_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("waiting for process")]


@pytest.fixture(params=["pidfd", "thread"])
def told_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test once with a descriptor for each process, and once without; no thread is left behind."""
    if request.param == "thread":
        forbid_pidfds(monkeypatch)
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("no pidfd_open(2) on this system")
    yield request.param
    for thread in waiting_threads():
        thread.join(PATIENCE)
    assert waiting_threads() == []


def is_reaped(pid: int) -> bool:
    """Whether nothing is left of a child: neither the process nor its exit status."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def make_zombie(pid: int) -> None:
    """End a child, of which the loop has not heard when this returns."""
    os.kill(pid, signal.SIGTERM)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


# -- what asyncio.subprocess makes of it -------------------------------------------------------------------


def test_what_goes_in_comes_out(loop: Loop, run: Run, told_by: str) -> None:
    content = os.urandom(300_000)

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        output, errors = await child.communicate(content)
        assert (output, errors, child.returncode) == (content, None, 0)
        assert is_reaped(child.pid)

    run(main())


def test_a_shell_interprets_the_command(loop: Loop, run: Run) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_shell(
            "echo out; echo err >&2; exit 7", stdout=PIPE, stderr=PIPE
        )
        assert await child.communicate() == (b"out\n", b"err\n")
        assert child.returncode == 7

    run(main())


@pytest.mark.parametrize(("how", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_a_signal_ends_it_and_is_its_return_code(
    loop: Loop, run: Run, told_by: str, how: str, number: int
) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        assert child.returncode is None
        getattr(child, how)()
        assert await child.wait() == -number
        assert child.returncode == -number
        for attempt in (child.kill, child.terminate, lambda: child.send_signal(signal.SIGUSR1)):
            with pytest.raises(ProcessLookupError):
                attempt()

    run(main())


def test_a_signal_to_a_process_that_has_just_ended_is_nothing(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        make_zombie(child.pid)
        child.kill()
        assert await child.wait() == -signal.SIGTERM

    run(main())


def test_many_wait_for_many_at_once(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        commands = [f"exit {number}" for number in range(8)]
        children = [await asyncio.create_subprocess_shell(command) for command in commands]
        codes = await asyncio.gather(*(child.wait() for child in children for _ in range(2)))
        assert codes == [number for number in range(8) for _ in range(2)]

    run(main())


def test_a_cancelled_wait_can_be_waited_for_again(loop: Loop, run: Run) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        waiting = asyncio.ensure_future(child.wait())
        await turns(2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        child.stdin.close()
        assert await child.wait() == 0

    run(main())


def test_wait_ends_with_the_process_though_a_grandchild_holds_its_pipe(
    loop: Loop, run: Run, told_by: str
) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_shell("sleep 1000 & echo $!", stdout=PIPE)
        assert await child.wait() == 0
        os.kill(int(await child.stdout.readline()), signal.SIGKILL)
        assert await child.stdout.read() == b""

    run(main())


def test_a_program_that_only_waits_leaves_nothing_open(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> int:
        child = await asyncio.create_subprocess_exec("echo", "unread", stdout=PIPE)
        return await child.wait()

    assert run(main()) == 0
    run(loop.shutdown_asyncgens())  # as asyncio.run does, whose turns suffice for the pipe's end
    gc.collect()


def test_input_that_nobody_reads_breaks_the_pipe(loop: Loop, run: Run) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        assert await child.communicate(bytes(200_000)) == (None, None)
        assert child.returncode == 0

    run(main())


def test_a_loop_beside_the_main_thread_runs_programs_too(told_by: str) -> None:
    results: list[Any] = []

    async def main() -> None:
        child = await asyncio.create_subprocess_exec("echo", "hello", stdout=PIPE)
        results.append((await child.communicate())[0])

    def in_thread() -> None:
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(in_time(main()))

    handler = signal.getsignal(signal.SIGCHLD)
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join(PATIENCE)
    assert results == [b"hello\n"]
    assert signal.getsignal(signal.SIGCHLD) is handler


# -- what a protocol is told -------------------------------------------------------------------------------


def test_a_process_is_told_of_in_order(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> Log:
        script = "printf out; printf err >&2; exit 3"
        transport, protocol = await loop.subprocess_shell(ProcessRecorder, script, stdin=None)
        assert protocol.log[0] == "connection_made"
        assert [transport.get_pipe_transport(fd) is None for fd in (0, 1, 2)] == [True, False, False]
        log = await protocol.log.until_lost()
        assert transport.get_returncode() == 3
        transport.close()
        return log

    log = run(main())
    assert log[-1] == ("connection_lost", None)
    end = log.index("process_exited")
    for fd, data in ((1, b"out"), (2, b"err")):
        received = log.index(("pipe_data_received", fd, data))
        assert received < end
        assert received < log.index(("pipe_connection_lost", fd, None))
    assert len(log) == 7


def test_asyncio_tells_the_same(any_tasks: Loop) -> None:
    async def program(loop: Any, log: list[Any]) -> None:
        transport, protocol = await loop.subprocess_exec(ProcessRecorder, "cat", stderr=None)
        stdin = transport.get_pipe_transport(0)
        stdin.write(b"some input")
        await protocol.log.until(lambda events: ("pipe_data_received", 1, b"some input") in events)
        stdin.close()
        await protocol.log.until_lost()
        transport.close()
        log += sorted(map(repr, protocol.log))

    ours: list[Any] = []
    any_tasks.run_until_complete(in_time(program(any_tasks, ours)))
    assert ours == beside_asyncio(program)


def test_all_that_a_process_wrote_comes_before_its_end_is_told(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        for _ in range(5):
            async with process(loop, "head", "-c", "50000", "/dev/zero", stdin=None, stderr=None) as protocol:
                await protocol.log.until(lambda log: "process_exited" in log)
                before = protocol.log[: protocol.log.index("process_exited")]
                received = [event[2] for event in before if event[0] == "pipe_data_received"]
                assert sum(map(len, received)) == 50_000

    run(main())


def test_input_that_is_not_read_pauses_the_protocol(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with process(loop, "cat", stderr=None) as protocol:
            output = protocol.transport.get_pipe_transport(1)
            output.pause_reading()
            protocol.transport.get_pipe_transport(0).write(bytes(500_000))
            assert protocol.log[-1] == "pause_writing"
            output.resume_reading()
            await protocol.log.until(lambda log: "resume_writing" in log)

    run(main())


def test_the_protocol_runs_in_the_context_that_started_the_process(
    loop: Loop, run: Run, told_by: str
) -> None:
    seen = []

    class Curious(ProcessRecorder):
        def pipe_data_received(self, fd: int, data: bytes) -> None:
            seen.append(NEWS.get())
            super().pipe_data_received(fd, data)

        def process_exited(self) -> None:
            seen.append(NEWS.get())
            super().process_exited()

    async def main() -> None:
        NEWS.set("when started")
        transport, protocol = await loop.subprocess_exec(Curious, "echo", "x", stdin=None, stderr=None)
        NEWS.set("later")
        await protocol.log.until_lost()
        transport.close()

    run(main())
    assert seen == ["when started"] * 2


def test_close_kills_what_still_runs_and_the_end_is_told(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        transport, protocol = await loop.subprocess_exec(ProcessRecorder, *BLOCKED)
        assert f"pid={transport.get_pid()} running stdin=" in repr(transport)
        transport.close()
        transport.close()
        assert transport.is_closing()
        await protocol.log.until_lost()
        assert transport.get_returncode() == -signal.SIGKILL
        assert is_reaped(transport.get_pid())

    run(main())


def test_close_leaves_a_process_alone_that_has_ended(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        transport, protocol = await loop.subprocess_exec(ProcessRecorder, *BLOCKED)
        make_zombie(transport.get_pid())
        transport.close()
        await protocol.log.until_lost()
        assert transport.get_returncode() == -signal.SIGTERM

    run(main())


def test_whoever_waits_for_the_popen_gets_the_same_status(loop: Loop, run: Run, told_by: str) -> None:
    async def main() -> None:
        async with process(loop, "sh", "-c", "exit 5", stdin=None) as protocol:
            popen = protocol.transport.get_extra_info("subprocess")
            assert isinstance(popen, subprocess.Popen)
            assert popen.wait() == 5
            await protocol.log.until_lost()
            assert protocol.transport.get_returncode() == 5

    run(main())


def test_a_status_that_somebody_else_took_is_reported_as_unknown(
    loop: Loop, run: Run, told_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        make_zombie(child.pid)
        assert os.waitpid(child.pid, 0) == (child.pid, signal.SIGTERM)
        assert await child.wait() == 255

    run(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "exit status already read" in caplog.text


# -- how its end is learnt ---------------------------------------------------------------------------------


@needs_pidfd
def test_a_pidfd_needs_no_thread(loop: Loop, run: Run) -> None:
    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        assert waiting_threads() == []
        await child.communicate(b"")

    run(main())


@needs_pidfd
def test_a_pidfd_too_high_for_select_leaves_it_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    pidfd_open = os.pidfd_open
    monkeypatch.setattr(os, "pidfd_open", lambda pid: moved_up(pidfd_open(pid)))

    async def main() -> None:
        child = await asyncio.create_subprocess_exec(*BLOCKED, stdin=PIPE)
        assert len(waiting_threads()) == 1
        await child.communicate(b"")
        assert child.returncode == 0

    with asyncio.Runner(loop_factory=lambda: Loop("select")) as runner:
        runner.run(in_time(main()))
    for thread in waiting_threads():
        thread.join(PATIENCE)


def test_a_closed_loop_lets_go_of_a_running_child(told_by: str) -> None:
    with contextlib.closing(Loop()) as loop:
        transport, _ = loop.run_until_complete(loop.subprocess_exec(ProcessRecorder, *BLOCKED))
    popen = transport.get_extra_info("subprocess")
    with pytest.warns(ResourceWarning, match="unclosed transport") as warned:
        del transport, _
        gc.collect()
    assert len(warned) == 4, "the process and its pipes"
    assert popen.wait() == -signal.SIGKILL
    assert is_reaped(popen.pid)


# -- what cannot be started --------------------------------------------------------------------------------


def test_a_program_that_is_not_there_leaves_nothing_behind(loop: Loop, run: Run) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError, match="/no/such/program"):
            await asyncio.create_subprocess_exec("/no/such/program", stdin=PIPE, stdout=PIPE, stderr=PIPE)

    run(main())


def test_a_start_that_is_cancelled_kills_the_process(loop: Loop, run: Run, told_by: str) -> None:
    pids = []
    popen = subprocess.Popen

    class Noting(popen):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            pids.append(self.pid)

    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subprocess, "Popen", Noting)
            starting = asyncio.ensure_future(loop.subprocess_exec(ProcessRecorder, *BLOCKED))
            loop.call_soon(starting.cancel)
            with pytest.raises(asyncio.CancelledError):
                await starting
        await turns(4)

    run(main())
    assert [is_reaped(pid) for pid in pids] == [True]


REFUSED: dict[str, dict[str, Any]] = {
    "text": {"text": True},
    "newlines": {"universal_newlines": True},
    "a buffer": {"bufsize": 4096},
    "an encoding": {"encoding": "utf-8"},
    "errors of an encoding": {"errors": "strict"},
}


@pytest.mark.parametrize("options", [*REFUSED.values(), {"shell": None}], ids=[*REFUSED, "the other method"])
def test_what_asyncio_refuses_is_refused_likewise(any_tasks: Loop, options: dict[str, Any]) -> None:
    async def program(loop: Any, log: list[Any]) -> None:
        for method, wrong in ((loop.subprocess_exec, True), (loop.subprocess_shell, False)):
            given = {"shell": wrong} if "shell" in options else options
            with pytest.raises(ValueError) as refusal:
                await method(ProcessRecorder, "true", **given)
            log.append(str(refusal.value))
        with pytest.raises(ValueError) as refusal:
            await loop.subprocess_shell(ProcessRecorder, ["a", "list"])
        log.append(str(refusal.value))

    ours: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, ours))
    assert ours == beside_asyncio(program)
    assert len(ours) == 3


def test_debug_mode_logs_the_start_and_the_end_but_not_the_command(
    any_tasks: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        any_tasks.set_debug(True)
        async with process(any_tasks, sys.executable, "-c", "'a secret'", stdin=None) as protocol:
            await protocol.log.until_lost()

    caplog.set_level("DEBUG", "asyncio")
    any_tasks.run_until_complete(in_time(main()))
    assert "started" in caplog.text
    assert "exited with return code 0" in caplog.text
    assert "secret" not in caplog.text
