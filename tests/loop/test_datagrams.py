"""Datagram endpoints: messages stay whole, in order and bounded; what asyncio refuses is refused."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import gc
import itertools
import resource
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from backends.contract import DescriptorLimitError
from lab.loop.datagrams import HEADER_SIZE, MESSAGES_PER_EVENT
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, beside_asyncio, run_turns, turns
from tests.loop.high_descriptors import moved_up
from tests.loop.recording import DatagramRecorder

NEWS = contextvars.ContextVar("NEWS", default="nothing")


@contextlib.asynccontextmanager
async def endpoint(
    loop: Any, kind: type[DatagramRecorder] = DatagramRecorder, **options: Any
) -> AsyncIterator[Any]:
    """An endpoint's protocol, whose transport is closed at the end."""
    transport, protocol = await loop.create_datagram_endpoint(kind, **options)
    try:
        yield protocol
    finally:
        transport.abort()
        await protocol.log.until_lost()


def local_addresses(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """For each family, the options of two endpoints with a local address."""
    return {
        "IPv4": [{"local_addr": ("127.0.0.1", 0)}] * 2,
        "IPv6": [{"local_addr": ("::1", 0)}] * 2,
        "Unix": [{"local_addr": str(tmp_path / each), "family": socket.AF_UNIX} for each in "ab"],
    }


def skip_without(family: str) -> None:
    if family == "IPv6":
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
        except OSError as error:
            pytest.skip(f"no IPv6 loopback here: {error}")


@pytest.mark.parametrize("family", ["IPv4", "IPv6", "Unix"])
def test_two_endpoints_exchange_messages(loop: Loop, run: Run, tmp_path: Path, family: str) -> None:
    skip_without(family)
    first, second = local_addresses(tmp_path)[family]

    async def main() -> None:
        async with endpoint(loop, **first) as a, endpoint(loop, **second) as b:
            names = [each.transport.get_extra_info("sockname") for each in (a, b)]
            a.transport.sendto(b"ping", names[1])
            assert await b.messages(1) == [b"ping"]
            assert b.log[-1][2] == names[0]
            b.transport.sendto(b"pong", names[0])
            assert await a.messages(1) == [b"pong"]
            assert a.transport.get_extra_info("peername") is None

    run(main())


def test_a_connected_endpoint_knows_where_to_send(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as server:
            there = server.transport.get_extra_info("sockname")
            async with endpoint(loop, remote_addr=there) as client:
                client.transport.sendto(b"no address")
                client.transport.sendto(b"the same address", there)
                assert await server.messages(2) == [b"no address", b"the same address"]
                assert client.transport.get_extra_info("peername") == there
                with pytest.raises(ValueError, match="Invalid address"):
                    client.transport.sendto(b"another", ("127.0.0.1", 1))

    run(main())


def test_with_broadcast_the_remote_address_is_kept_but_not_connected(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as server:
            there = server.transport.get_extra_info("sockname")
            async with endpoint(loop, remote_addr=there, allow_broadcast=True) as client:
                assert client.transport.get_extra_info("peername") is None
                client.transport.sendto(b"hello")
                assert await server.messages(1) == [b"hello"]

    run(main())


@pytest.mark.parametrize("size", [0, 1, 1472, 65507])
def test_a_message_of_any_size_arrives_whole(loop: Loop, run: Run, size: int) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as server:
            sock = server.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
            async with endpoint(loop, remote_addr=sock.getsockname()) as client:
                client.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18
                )
                client.transport.sendto(bytes(size))
                client.transport.sendto(b"next")
                assert await server.messages(2) == [bytes(size), b"next"]

    run(main())


def test_a_unix_message_may_be_larger_than_any_of_ip(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM, buffer=1 << 18)
    message = bytes(range(256)) * 400

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            theirs.send(message)
            assert await protocol.messages(1) == [message]

    run(main())


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


def test_errors_of_the_network_are_told_and_the_endpoint_lives_on(loop: Loop, run: Run) -> None:
    async def main() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            there = nobody.getsockname()
        async with endpoint(loop, remote_addr=there) as client:
            client.transport.sendto(b"anybody?")
            await client.log.until(lambda log: log.named("error_received"))
            assert isinstance(client.log.named("error_received")[0], ConnectionRefusedError)
            async with endpoint(loop, local_addr=there) as server:
                client.transport.sendto(b"hello")
                assert await server.messages(1) == [b"hello"]

    run(main())


def test_a_message_that_is_too_long_is_an_error_of_the_network(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as protocol:
            protocol.transport.sendto(bytes(70_000), protocol.transport.get_extra_info("sockname"))
            assert [each.errno for each in protocol.log.named("error_received")] == [errno.EMSGSIZE]

    run(main())


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


def test_the_protocol_runs_in_the_context_that_made_the_endpoint(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)
    seen = []

    class Curious(DatagramRecorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            seen.append(NEWS.get())
            super().datagram_received(data, addr)

        def connection_lost(self, exc: BaseException | None) -> None:
            seen.append(NEWS.get())
            super().connection_lost(exc)

    async def main() -> None:
        NEWS.set("when made")
        async with endpoint(loop, Curious, sock=ours) as protocol:
            NEWS.set("later")
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            theirs.send(b"x")
            await protocol.messages(1)

    run(main())
    assert seen == ["when made"] * 2


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


def test_options_are_set_only_when_asked_for(any_tasks: Loop) -> None:
    def options(sock: Any) -> list[bool]:
        names = (socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_BROADCAST)
        return [bool(sock.getsockopt(socket.SOL_SOCKET, each)) for each in names]

    async def main() -> None:
        loop = any_tasks
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as plain:
            assert options(plain.transport.get_extra_info("socket")) == [False, False, False]
        asked = {"reuse_port": True, "allow_broadcast": True}
        async with endpoint(loop, local_addr=("127.0.0.1", 0), **asked) as first:
            assert options(first.transport.get_extra_info("socket")) == [False, True, True]
            there = first.transport.get_extra_info("sockname")
            async with endpoint(loop, local_addr=there, reuse_port=True) as second:
                assert second.transport.get_extra_info("sockname") == there
            with pytest.raises(OSError, match="in use"):
                await loop.create_datagram_endpoint(DatagramRecorder, local_addr=there)

    any_tasks.run_until_complete(main())


def test_a_unix_socket_left_behind_makes_room(any_tasks: Loop, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(path)

    async def main() -> None:
        async with endpoint(any_tasks, local_addr=path, family=socket.AF_UNIX) as protocol:
            assert protocol.transport.get_extra_info("sockname") == path

    any_tasks.run_until_complete(main())


REFUSED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a name instead of an address": {"local_addr": "localhost"},
    "four parts": {"local_addr": ("localhost", 1, 2, 3)},
    "two families": {"local_addr": ("::1", 0), "remote_addr": ("127.0.0.1", 9)},
    "bytes for a Unix path": {"local_addr": b"path", "family": socket.AF_UNIX},
    "an option that is gone": {"local_addr": ("127.0.0.1", 0), "reuse_address": True},
    "an address of no interface": {"local_addr": ("192.0.2.1", 0)},
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
def test_what_asyncio_refuses_is_refused_likewise(any_tasks: Loop, options: dict[str, Any]) -> None:
    skip_without("IPv6")

    async def program(loop: Any, log: list[Any]) -> None:
        try:
            await loop.create_datagram_endpoint(DatagramRecorder, **options)
        except (ValueError, TypeError, OSError) as error:
            text = str(error).rpartition("create_datagram_endpoint")[2]  # without the class's name
            log.append((type(error), getattr(error, "errno", None), text))

    ours: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, ours))
    assert ours == beside_asyncio(program)
    assert len(ours) == 1


@pytest.mark.parametrize(
    "option",
    [{"local_addr": ("127.0.0.1", 0)}, {"family": 2}, {"proto": 17}, {"reuse_port": True}],
    ids=lambda option: next(iter(option)),
)
def test_a_socket_comes_with_its_options_made(
    any_tasks: Loop, new_pair: Callable[..., Pair], option: dict[str, Any]
) -> None:
    datagram, stream = new_pair(kind=socket.SOCK_DGRAM)[0], new_pair()[0]
    make = any_tasks.create_datagram_endpoint
    with pytest.raises(ValueError, match=next(iter(option))):
        any_tasks.run_until_complete(make(DatagramRecorder, sock=datagram, **option))
    with pytest.raises(ValueError, match=r"(datagram socket|UDP Socket) was expected"):
        any_tasks.run_until_complete(make(DatagramRecorder, sock=stream))


def test_an_endpoint_that_nobody_closed_warns(any_tasks: Loop, new_pair: Callable[..., Pair]) -> None:
    ours, _ = new_pair(kind=socket.SOCK_DGRAM)
    transport, _ = any_tasks.run_until_complete(
        any_tasks.create_datagram_endpoint(asyncio.DatagramProtocol, sock=ours)
    )
    assert "open fd=" in repr(transport)
    any_tasks.close()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport
        gc.collect()


def test_a_descriptor_too_high_for_the_backend_is_refused_and_closed() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as low:
        high = socket.socket(fileno=moved_up(low.detach()))
    with contextlib.closing(Loop("select")) as loop:
        making = loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=high)
        with pytest.raises(DescriptorLimitError):
            loop.run_until_complete(making)
        run_turns(loop, 2)
        assert high.fileno() == -1


def test_a_socket_closed_by_somebody_else_ends_the_endpoint_once_its_number_is_reused(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, _ = new_pair(kind=socket.SOCK_DGRAM)

    async def main() -> None:
        async with endpoint(loop, sock=ours) as old:
            number = ours.fileno()
            ours.close()
            left, right = socket.socketpair(type=socket.SOCK_DGRAM)
            assert number in (left.fileno(), right.fileno())
            with left, right:
                new, other = (left, right) if left.fileno() == number else (right, left)
                async with endpoint(loop, sock=new) as protocol:
                    other.send(b"for the new one")
                    assert await protocol.messages(1) == [b"for the new one"]
            await old.log.until_lost()
            assert old.log.named("connection_lost")[0].errno == errno.EBADF
            assert old.log.named("datagram_received") == []

    run(main())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="how glibc's allocator behaves")
def test_small_messages_cost_no_page_faults(any_tasks: Loop, new_pair: Callable[..., Pair]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:

        async def main() -> int:
            async with endpoint(any_tasks, local_addr=("127.0.0.1", 0)) as protocol:
                sender.connect(protocol.transport.get_extra_info("sockname"))
                faults = 0
                for count in range(1, 401):
                    if count == 101:  # after a warm-up
                        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
                    sender.send(b"small")
                    await protocol.messages(count)
                return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults

        assert any_tasks.run_until_complete(main()) < 100
