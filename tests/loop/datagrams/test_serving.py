"""How a protocol is served: several messages at a time, in its context, with its failures reported."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.datagrams import MESSAGES_PER_EVENT
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.datagrams.conftest import endpoint
from tests.loop.recording import DatagramRecorder

NEWS = contextvars.ContextVar("NEWS", default="nothing")


def test_messages_are_taken_in_numbers_but_others_get_their_turn(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)
    other, waker = new_pair()

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            seen_by_other = []
            loop.add_reader(other, lambda: seen_by_other.append(len(protocol.log.named("datagram_received"))))
            waker.send(b"x")
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent < 3 * MESSAGES_PER_EVENT:
                    theirs.send(b"%d" % sent)
                    sent += 1
            assert await protocol.messages(sent) == [b"%d" % each for each in range(sent)]
            loop.remove_reader(other)
            steps = [after - before for before, after in itertools.pairwise(seen_by_other)]
            assert all(step <= MESSAGES_PER_EVENT for step in steps)

    run(main())


def test_paused_reading_leaves_messages_in_the_kernel(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)

    class PausesAfterOne(DatagramRecorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.pause_reading()

    async def main() -> None:
        async with endpoint(loop, PausesAfterOne, sock=ours) as protocol:
            for message in (b"1", b"2", b"3"):
                theirs.send(message)
            assert await protocol.messages(1) == [b"1"]
            await turns(3)
            assert not protocol.transport.is_reading()
            for count in (2, 3):
                assert len(protocol.log.named("datagram_received")) == count - 1
                protocol.transport.resume_reading()
                await protocol.messages(count)

    run(main())


def test_the_protocol_reads_in_the_context_that_made_the_endpoint(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)
    seen = []

    class Curious(DatagramRecorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            seen.append(NEWS.get())
            super().datagram_received(data, addr)

    async def main() -> None:
        NEWS.set("when made")
        async with endpoint(loop, Curious, sock=ours) as protocol:
            NEWS.set("later")
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            theirs.send(b"x")
            await protocol.messages(1)

    run(main())
    assert seen == ["when made"]


def test_a_protocol_that_fails_is_reported_and_gets_the_next_message(
    loop: Loop, run: Run, reports: list[dict[str, Any]], new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)

    class Touchy(DatagramRecorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"bad":
                raise LookupError("do not like it")

    async def main() -> None:
        async with endpoint(loop, Touchy, sock=ours) as protocol:
            for message in (b"bad", b"bad", b"good"):
                theirs.send(message)
            assert await protocol.messages(3) == [b"bad", b"bad", b"good"]

    run(main())
    assert [type(report["exception"]) for report in reports] == [LookupError] * 2
    reports.clear()


def test_what_is_no_message_is_refused_or_ends_the_endpoint(
    loop: Loop, run: Run, reports: list[dict[str, Any]]
) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as protocol:
            with pytest.raises(TypeError, match="bytes-like object, not 'str'"):
                protocol.transport.sendto("text", ("127.0.0.1", 9))
            protocol.transport.sendto(b"to nobody")
            await protocol.log.until_lost()
            assert isinstance(protocol.log.named("connection_lost")[0], TypeError)

    run(main())
    assert [report["message"] for report in reports] == ["Fatal write error on datagram transport"]
    reports.clear()
