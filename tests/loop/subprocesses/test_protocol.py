"""What a process's protocol is told, and in what order."""

from __future__ import annotations

import contextvars
from typing import Any

from lab.loop.loop import Loop
from tests.loop.conftest import Run, beside_asyncio, in_time
from tests.loop.recording import Log
from tests.loop.subprocesses.conftest import ProcessRecorder, process

NEWS = contextvars.ContextVar("NEWS", default="nothing")


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
