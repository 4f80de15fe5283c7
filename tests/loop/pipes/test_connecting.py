"""What can be connected and what is refused; pipes that nobody closes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.contract import DescriptorLimitError
from lab.loop.loop import Loop
from tests.loop.conftest import beside_asyncio, run_turns, turns
from tests.loop.high_descriptors import moved_up
from tests.loop.pipes.conftest import Ends, reading, writing
from tests.loop.recording import StreamRecorder


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
def test_a_regular_file_is_refused_as_asyncio_refuses_it(
    any_tasks: Loop, tmp_path: Path, method: str
) -> None:
    async def program(loop: Any, log: list[Any]) -> None:
        with open(tmp_path / "regular", "w+b") as file:
            with pytest.raises(ValueError) as refusal:
                await getattr(loop, method)(asyncio.Protocol, file)
            log.append(str(refusal.value))
            assert not file.closed

    ours: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, ours))
    assert ours == beside_asyncio(program)
    assert "ipe transport is" in ours[0]


def test_a_descriptor_too_high_for_the_backend_is_refused_and_closed(ends: Ends) -> None:
    number = moved_up(os.dup(ends[0].fileno()))
    with open(number, "rb", buffering=0) as high, contextlib.closing(Loop("select")) as loop:
        with pytest.raises(DescriptorLimitError):
            loop.run_until_complete(loop.connect_read_pipe(asyncio.Protocol, high))
        run_turns(loop, 2)
        assert high.closed


def test_a_cancelled_connect_closes_the_pipe(loop: Loop, ends: Ends) -> None:
    async def main() -> None:
        connecting = asyncio.ensure_future(loop.connect_read_pipe(StreamRecorder, ends[0]))
        loop.call_soon(connecting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await turns(2)

    loop.run_until_complete(main())
    assert ends[0].closed


def test_a_transport_that_nobody_closed_warns_and_closes_its_pipe(any_tasks: Loop, ends: Ends) -> None:
    making = any_tasks.connect_write_pipe(asyncio.Protocol, ends[1])
    transport, _ = any_tasks.run_until_complete(making)
    assert "open fd=" in repr(transport)
    any_tasks.close()
    assert "open fd=" in repr(transport)
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport
        gc.collect()
    assert ends[1].closed


def test_debug_mode_logs_the_other_sides_going(
    any_tasks: Loop, new_ends: Callable[..., Ends], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        any_tasks.set_debug(True)
        first, second = new_ends(), new_ends()
        async with reading(any_tasks, first[0]) as reader, writing(any_tasks, second[1]) as writer:
            first[1].close()
            second[0].close()
            await reader.log.until_lost()
            await writer.log.until_lost()

    caplog.set_level("INFO", "asyncio")
    any_tasks.run_until_complete(main())
    assert [record.getMessage().endswith("was closed by peer") for record in caplog.records] == [True] * 2
