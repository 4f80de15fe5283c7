"""asyncio.subprocess on top of the loop, whether a pidfd or a thread tells of the end."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import gc
import os
import signal
import threading
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import PATIENCE, Run, in_time, turns
from tests.loop.subprocesses.conftest import BLOCKED, PIPE, is_reaped, make_zombie


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


def test_output_beyond_the_limit_is_left_in_the_pipe_until_it_is_read(loop: Loop, run: Run) -> None:
    async def main() -> int:
        child = await asyncio.create_subprocess_exec(
            "head", "-c", "200000", "/dev/zero", stdout=PIPE, limit=100
        )
        pipe = child._transport.get_pipe_transport(1)
        while pipe.is_reading():
            await asyncio.sleep(0)
        return len(await child.stdout.read()) + await child.wait()

    assert run(main()) == 200_000


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
