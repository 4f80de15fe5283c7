"""The transport by hand that is the floor of what is served by a protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.workloads import protocols_by_hand
from lab.workloads.echo_server import RECV_BYTES
from lab.workloads.protocols_by_hand import HIGH_WATER_BYTES, JOINED_BYTES, MOST_AT_ONCE_BYTES, BareTransport
from lab.workloads.readiness import READ, WRITE, Readiness
from tests.workloads.ending import Told


class Pausable(asyncio.Protocol):
    """Notes when it may write."""

    def __init__(self) -> None:
        self.may_write = True
        self.lost = False

    def pause_writing(self) -> None:
        self.may_write = False

    def resume_writing(self) -> None:
        self.may_write = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


def test_a_transport_by_hand_holds_back_and_sends_everything_in_order(
    mechanism: Callable[[], Readiness],
) -> None:
    readiness, protocol = mechanism(), Pausable()
    near, far = socket.socketpair()
    transports: dict[int, BareTransport] = {}
    transport = BareTransport(near, readiness, transports, protocol)
    written = came = b""
    with far:
        while protocol.may_write:
            piece = bytes([len(written) // 10_000 % 256]) * 10_000
            transport.write(piece)
            written += piece
        assert len(written) > HIGH_WATER_BYTES
        transport.close()
        far.setblocking(False)
        while not protocol.lost:
            came += far.recv(1 << 20)
            transport.flush()
        while len(came) < len(written):
            came += far.recv(1 << 20)
    readiness.close()
    assert came == written
    assert transports == {}


def test_what_a_protocol_writes_in_answer_to_one_read_goes_out_together(
    mechanism: Callable[[], Readiness],
) -> None:
    readiness = mechanism()
    near, far = socket.socketpair()
    transport = BareTransport(near, readiness, {}, Pausable())
    with far:
        far.setblocking(False)
        transport.corked = True
        transport.write(b"head ")
        transport.write(b"body")
        with pytest.raises(BlockingIOError):
            far.recv(100)
        transport.uncork()
        assert far.recv(100) == b"head body"
        transport.drop()
        assert far.recv(100) == b""
    readiness.close()


class Narrow(socket.socket):
    """One end of a pair that takes only ``room`` bytes more, and notes what it was asked to do."""

    def __init__(self, room: int) -> None:
        near, self.far = socket.socketpair()
        self.far.setblocking(False)
        super().__init__(fileno=near.detach())
        self.room = room
        self.calls: list[str] = []

    def send(self, data: bytes | memoryview) -> int:
        self.calls.append("send")
        return self._take(bytes(data))

    def sendmsg(self, parts: list[bytes | memoryview]) -> int:
        self.calls.append("sendmsg")
        return self._take(b"".join(parts))

    def _take(self, data: bytes) -> int:
        if not self.room:
            raise BlockingIOError
        sent = super().send(data[: self.room])
        self.room -= sent
        return sent

    def close(self) -> None:
        super().close()
        self.far.close()


class Watched:
    """A mechanism that only remembers for what each descriptor is watched."""

    def __init__(self) -> None:
        self.masks: dict[int, int] = {}
        self.register = self.modify = self.masks.__setitem__
        self.unregister = self.masks.pop

    @property
    def mask(self) -> int:
        """For what the only one is."""
        (mask,) = self.masks.values()
        return mask


@contextmanager
def narrow(room: int) -> Iterator[tuple[Narrow, Watched, BareTransport]]:
    """A transport whose socket takes ``room`` bytes before it is full."""
    near, watched = Narrow(room), Watched()
    transport = BareTransport(near, watched, {}, Pausable())
    try:
        yield near, watched, transport
    finally:
        transport.drop()


def test_what_is_written_to_a_connection_that_waits_for_nothing_goes_out_at_once() -> None:
    with narrow(1 << 20) as (near, watched, transport):
        transport.write(b"one")
        transport.write(b"two")
        assert near.far.recv(100) == b"onetwo"
        assert near.calls == ["send", "send"]
        assert (transport.parts, watched.mask) == ([], READ)


@pytest.mark.parametrize("room", [0, 1, 4, 5, 8])
@pytest.mark.parametrize("corked", [False, True], ids=["written", "answered"])
def test_of_what_a_socket_does_not_take_whole_only_the_rest_is_kept_and_sent_when_there_is_room(
    room: int, corked: bool
) -> None:
    with narrow(room) as (near, watched, transport):
        transport.corked = corked
        transport.write(b"head ")
        transport.write(b"body")
        if corked:
            transport.uncork()
        assert b"".join(transport.parts) == b"head body"[room:]
        assert watched.mask == READ | WRITE
        transport.write(b", and more")
        near.room = 1 << 20
        transport.flush()
        assert near.far.recv(100) == b"head body, and more"
        assert (transport.parts, watched.mask) == ([], READ)


def test_a_full_socket_is_not_tried_again_before_there_is_room() -> None:
    with narrow(10) as (near, _watched, transport):
        transport.write(bytes(20))
        transport.write(bytes(HIGH_WATER_BYTES))
        assert near.calls == ["send"]
        assert not transport.protocol.may_write
        transport.corked = True
        transport.write(b"answer")
        transport.uncork()
        assert near.calls == ["send"]
        near.room = 1 << 20
        transport.flush()
        assert near.calls == ["send", "sendmsg"]
        assert transport.protocol.may_write


@pytest.mark.parametrize(("size", "call"), [(JOINED_BYTES // 2, "send"), (JOINED_BYTES, "sendmsg")])
def test_the_parts_of_an_answer_are_joined_where_they_are_small(size: int, call: str) -> None:
    with narrow(1 << 20) as (near, _watched, transport):
        transport.corked = True
        transport.write(b"1" * size)
        transport.write(b"2" * size)
        transport.uncork()
        assert near.calls == [call]
        assert near.far.recv(1 << 20) == b"1" * size + b"2" * size


def test_a_socket_whose_buffer_is_full_makes_the_protocol_pause_until_the_peer_has_read(
    mechanism: Callable[[], Readiness],
) -> None:
    readiness, protocol = mechanism(), Pausable()
    near, far = socket.socketpair()
    transport = BareTransport(near, readiness, {}, protocol)
    message = bytes(range(256)) * 20_000
    with far:
        far.setblocking(False)
        transport.write(message)
        assert 0 < sum(map(len, transport.parts)) < len(message), "the socket took a part"
        assert not protocol.may_write
        came = b""
        while transport.parts:
            came += far.recv(1 << 20)
            (ready,) = readiness.poll()
            assert ready[1] & WRITE
            transport.flush()
        assert protocol.may_write
        while len(came) < len(message):
            came += far.recv(1 << 20)
        transport.drop()
    readiness.close()
    assert came == message


@pytest.mark.parametrize("corked", [False, True], ids=["written", "answered"])
def test_a_write_to_a_peer_that_has_gone_ends_the_connection_and_those_after_it_are_ignored(
    corked: bool,
) -> None:
    with narrow(1 << 20) as (near, watched, transport):
        near.far.close()
        transport.corked = corked
        transport.write(b"to nobody")
        if corked:
            transport.uncork()
        assert transport.protocol.lost
        assert watched.masks == {}
        transport.write(b"nor this")
        assert near.calls == ["send"]


def test_a_connection_that_is_closed_in_an_answer_is_closed_once_all_is_sent() -> None:
    with narrow(4) as (near, _watched, transport):
        transport.corked = True
        transport.write(b"last words")
        transport.close()
        transport.uncork()
        assert not transport.protocol.lost
        assert near.far.recv(100) == b"last"
        near.room, far = 100, near.far.dup()
        with far:
            transport.flush()
            assert transport.protocol.lost
            assert far.recv(100) == b" words"
            assert far.recv(100) == b""


class FeedingListener(socket.socket):
    """What it accepts reads, whatever has come, the next of ``shares`` of what is asked for; then `Told`."""

    def __init__(self, shares: list[float]) -> None:
        super().__init__(fileno=socket.create_server(("127.0.0.1", 0)).detach())
        self.shares = iter(shares)
        self.asked: list[int] = []

    def accept(self) -> tuple[socket.socket, object]:
        accepted, address = super().accept()
        shares, asked = self.shares, self.asked

        class Fed(socket.socket):
            def recv(self, size: int) -> bytes:
                asked.append(size)
                for share in shares:
                    return bytes(int(size * share))
                raise Told

        return Fed(fileno=accepted.detach()), address


def test_reads_grow_while_they_come_full_and_go_back_after_a_small_one(
    mechanism: Callable[[], Readiness], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols_by_hand, "open_readiness", mechanism)
    with (
        FeedingListener([0.1, 1, 0.5, 1, 1, 1, 1, 0.3, 0.2, 1]) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        client.sendall(b"never read, so that it is reported again and again")
        with pytest.raises(Told):
            protocols_by_hand.serve_protocol_by_hand(listener, Pausable)
    kib = [asked // 1024 for asked in listener.asked]
    assert kib == [64, 64, 128, 128, 256, 256, 256, 256, 256, 64, 128]
    assert (kib[0] * 1024, max(listener.asked)) == (RECV_BYTES, MOST_AT_ONCE_BYTES)
