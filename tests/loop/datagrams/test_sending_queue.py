"""What the kernel does not take: queued, counted, bounded by the protocol's pauses, and sent or dropped."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable

import pytest

from lab.loop.datagrams import HEADER_SIZE
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.datagrams.conftest import endpoint
from tests.loop.recording import DatagramRecorder


def fill(protocol: DatagramRecorder, message: bytes = b"x" * 1000) -> int:
    """Send until the kernel takes no more and something is queued; how many messages that were."""
    sent = 0
    while not protocol.transport.get_write_buffer_size():
        protocol.transport.sendto(message)
        sent += 1
        assert sent < 100_000, "the kernel takes them all"
    return sent


def take_all(sock: socket.socket) -> list[bytes]:
    """What has come to a socket that does not block."""
    taken = []
    with contextlib.suppress(BlockingIOError):
        while True:
            taken.append(sock.recv(1 << 16))
    return taken


async def take(sock: socket.socket, count: int) -> list[bytes]:
    """Take messages until there are so many."""
    taken: list[bytes] = []
    while len(taken) < count:
        taken += take_all(sock)
        await turns()
    return taken


@pytest.fixture
def datagrams(new_pair: Callable[..., Pair]) -> Pair:
    """Two connected sockets; Linux queues only a few messages between them, then a send would block."""
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere a full Unix datagram socket fails (ENOBUFS) instead of blocking")
    return new_pair(kind=socket.SOCK_DGRAM)


def test_what_the_kernel_does_not_take_is_queued_and_counted_with_its_header(
    loop: Loop, run: Run, datagrams: Pair
) -> None:
    ours, theirs = datagrams

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            sent = fill(protocol)
            assert protocol.transport.get_write_buffer_size() == 1000 + HEADER_SIZE
            protocol.transport.sendto(b"")
            protocol.transport.sendto(b"last")
            assert protocol.transport.get_write_buffer_size() == 1004 + 3 * HEADER_SIZE
            assert (await take(theirs, sent + 2))[-3:] == [b"x" * 1000, b"", b"last"]
            assert protocol.transport.get_write_buffer_size() == 0

    run(main())


def test_the_protocol_is_paused_above_the_high_mark_and_resumed_below_the_low_one(
    loop: Loop, run: Run, datagrams: Pair
) -> None:
    ours, theirs = datagrams

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            protocol.transport.set_write_buffer_limits(high=3000, low=1500)
            sent = fill(protocol)
            while "pause_writing" not in protocol.log:
                assert protocol.transport.get_write_buffer_size() <= 3000
                protocol.transport.sendto(b"y" * 1000)
                sent += 1
            assert protocol.transport.get_write_buffer_size() > 3000
            assert len(await take(theirs, sent)) == sent
            assert protocol.log[1:] == ["pause_writing", "resume_writing"]

    run(main())


def test_what_is_queued_is_a_copy(loop: Loop, run: Run, datagrams: Pair) -> None:
    ours, theirs = datagrams

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            sent = fill(protocol)
            mutable = bytearray(b"before")
            protocol.transport.sendto(mutable)
            mutable[:] = b"after!"
            assert (await take(theirs, sent + 1))[-1] == b"before"

    run(main())


def test_close_sends_what_is_queued_and_abort_does_not(
    loop: Loop, run: Run, new_pair: Callable[..., Pair], datagrams: Pair
) -> None:
    async def main(pair: Pair, end: str) -> tuple[int, int]:
        transport, protocol = await loop.create_datagram_endpoint(DatagramRecorder, sock=pair[0])
        sent = fill(protocol)
        getattr(transport, end)()
        assert transport.is_closing()
        assert "connection_lost" not in protocol.log
        taken = await take(pair[1], sent - (end == "abort"))
        await protocol.log.until_lost()
        assert protocol.log[-1] == ("connection_lost", None)
        return sent, len(taken) + len(take_all(pair[1]))

    sent, taken = run(main(datagrams, "close"))
    assert taken == sent
    sent, taken = run(main(new_pair(kind=socket.SOCK_DGRAM), "abort"))
    assert taken == sent - 1


def test_after_the_end_messages_are_dropped_with_a_warning_at_last(
    loop: Loop, run: Run, new_pair: Callable[..., Pair], caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            protocol.transport.close()
            for _ in range(6):
                protocol.transport.sendto(b"too late")

    run(main())
    assert take_all(theirs) == []
    assert [record.getMessage() for record in caplog.records] == ["socket.send() raised exception."] * 2
