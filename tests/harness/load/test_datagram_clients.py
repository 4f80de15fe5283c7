"""Datagrams that come back, come back changed, or not at all."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from lab.harness.load import datagram_clients
from lab.harness.load.clients import ReplyError
from lab.harness.load.datagram_clients import DatagramClients
from lab.harness.measured.listener import listen
from lab.workloads.clients import Datagrams

Answer = Callable[[bytes], list[bytes]]
"""What the server sends back for one datagram."""


@contextlib.contextmanager
def clients_of(answer: Answer, sockets: int = 2) -> Iterator[DatagramClients]:
    """Clients of a server in a thread, which ends when the block does."""

    def serve() -> None:
        while True:
            datagram, sender = bound.recvfrom(1 << 16)
            if datagram == b"stop":
                return
            for each in answer(datagram):
                bound.sendto(each, sender)

    with listen("udp", None) as bound, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as teller:
        bound.setblocking(True)
        thread = threading.Thread(target=serve)
        thread.start()
        described = Datagrams(sockets, message_bytes=64)
        try:
            with contextlib.closing(DatagramClients(bound.getsockname(), "udp", described, 1)) as clients:
                yield clients
        finally:
            teller.sendto(b"stop", bound.getsockname())
            thread.join()


def test_datagrams_that_come_back_are_counted() -> None:
    with clients_of(lambda datagram: [datagram]) as clients:
        assert (clients.connect_some(), clients.connect_some()) == (2, 0)
        done = clients.run(0.0)
        clients.check_silence()
    assert done.operations + done.lost == 2
    assert all(each > 0 for each in clients.latencies_ns[: done.operations])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda datagram: [datagram[:-1] + bytes([datagram[-1] ^ 1])], "with another content"),
        (lambda datagram: [datagram[:-1]], "its 64 bytes back unchanged, got 63 bytes"),
        (lambda datagram: [datagram + b"!"], "its 64 bytes back unchanged, got 65 bytes"),
        (lambda datagram: [datagram, datagram], "nobody asked for|with another content"),
    ],
)
def test_a_datagram_that_is_not_what_was_sent_is_refused(answer: Answer, reason: str) -> None:
    with clients_of(answer, sockets=1) as clients, pytest.raises(ReplyError, match=reason):
        while True:
            clients.connect_some()
            clients.run(0.0)


def test_a_lost_datagram_is_counted_and_is_no_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagram_clients, "PATIENCE_S", 0.05)
    seen: list[bytes] = []

    def lose_the_first(datagram: bytes) -> list[bytes]:
        seen.append(datagram)
        return [datagram] if len(seen) > 1 else []

    with clients_of(lose_the_first) as clients:
        clients.connect_some()
        assert clients.lost >= 1


def test_a_server_that_loses_more_than_a_few_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagram_clients, "PATIENCE_S", 0.01)
    with clients_of(lambda datagram: []) as clients:
        clients.connect_some()
        with pytest.raises(ReplyError, match="expected at most 2 datagrams to be lost, got no reply to"):
            clients.run(30.0)


def test_the_late_reply_to_a_datagram_that_was_given_up_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagram_clients, "PATIENCE_S", 0.01)
    kept: list[bytes] = []

    def one_behind(datagram: bytes) -> list[bytes]:
        kept.append(datagram)
        return [kept[-2], datagram] if len(kept) == 2 else []

    with clients_of(one_behind, sockets=1) as clients:
        clients.connect_some()
        assert clients.run(0.0).operations + clients.lost >= 1
