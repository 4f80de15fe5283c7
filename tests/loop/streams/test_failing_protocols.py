"""Protocols that raise: what is reported, and what becomes of the connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import Into, all_of, receive

NewPair = Callable[..., Pair]


Reports = list[dict[str, Any]]


class FailedOnPurpose(Exception):
    """What the protocols here raise."""


@pytest.mark.parametrize("method", ["connection_made", "data_received", "eof_received", "connection_lost"])
def test_what_a_protocol_raises_is_reported_and_ends_the_connection_where_data_is_concerned(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair, reports: Reports, method: str
) -> None:
    def failing(self: StreamRecorder, *args: Any) -> None:
        getattr(StreamRecorder, method)(self, *args)
        raise FailedOnPurpose(method)

    protocol = type("Failing", (StreamRecorder,), {method: failing})()

    async def main() -> None:
        here, there = pair
        await put_on(here, protocol)
        await loop.sock_sendall(there, b"data")
        if method != "data_received":
            await protocol.log.until(all_of)
        there.close()
        await protocol.log.until_lost()
        await turns()

    run(main())
    assert [str(report["exception"]) for report in reports] == [method]
    reports.clear()
    (lost_with,) = protocol.log.named("connection_lost")
    expected = FailedOnPurpose if method in ("data_received", "eof_received") else type(None)
    assert isinstance(lost_with, expected)


@pytest.mark.parametrize("method", ["get_buffer", "buffer_updated", "empty buffer"])
def test_a_buffered_protocol_that_fails_loses_its_connection(
    loop: Loop, run: Run, put_on: PutOn, pair: Pair, reports: Reports, method: str
) -> None:
    def failing(self: Into, *args: Any) -> Any:
        raise FailedOnPurpose(method)

    protocol = Into(0) if " " in method else type("Failing", (Into,), {method: failing})()

    async def main() -> BaseException:
        here, there = pair
        await put_on(here, protocol)
        await loop.sock_sendall(there, b"data")
        (error,) = (await protocol.log.until_lost()).named("connection_lost")
        return error

    error = run(main())
    assert isinstance(error, RuntimeError if " " in method else FailedOnPurpose)
    assert [report["exception"] for report in reports] == [error]
    reports.clear()


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_failing_flow_control_is_reported_and_the_connection_goes_on(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, reports: Reports, method: str
) -> None:
    def failing(self: StreamRecorder) -> None:
        raise FailedOnPurpose(method)

    async def main() -> int:
        here, there = new_pair(buffer=4096)
        protocol = await put_on(here, type("Failing", (StreamRecorder,), {method: failing})())
        protocol.transport.write(bytes(500_000))
        protocol.transport.write_eof()
        return len(await receive(loop, there, 600_000))

    assert run(main()) == 500_000
    assert [(report["message"], str(report["exception"])) for report in reports] == [
        (f"protocol.{method}() failed", method)
    ]
    reports.clear()
