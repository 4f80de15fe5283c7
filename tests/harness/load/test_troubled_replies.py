"""Whatever a served workload's reply should be, one that is not it is noticed by the load.

The server is the workload's own protocol, on transports by hand that spoil what it writes.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from lab.harness.load.asking_clients import AskingClients
from lab.harness.load.client_kinds import open_clients
from lab.harness.load.clients import LoadClients, ReplyError
from lab.harness.measured.listener import listen
from lab.workloads import protocols_by_hand
from lab.workloads.clients import Asking
from lab.workloads.protocol_workload import ProtocolWorkload
from lab.workloads.readiness import open_readiness
from lab.workloads.registry import WORKLOADS
from tests.harness.small_scenarios import small_scenario
from tests.workloads.ending import Told, UntilTold

SPOILT_AT = 5
"""The byte of what each connection is sent from which on things go wrong."""
OVER_PROTOCOLS = [name for name, work in WORKLOADS.items() if isinstance(work, ProtocolWorkload)]

Spoil = Callable[[bytes, int], bytes]
"""What is made of bytes that are written, the first of them at this place in the connection's stream."""


def unspoilt(data: bytes, at: int) -> bytes:
    return data


def one_wrong(data: bytes, at: int) -> bytes:
    place = SPOILT_AT - at
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] if 0 <= place < len(data) else data


def one_more(data: bytes, at: int) -> bytes:
    return data + b"!" if at <= SPOILT_AT < at + len(data) else data


def cut_short(data: bytes, at: int) -> bytes:
    return data[: max(0, SPOILT_AT - at)]


@contextlib.contextmanager
def clients_of(name: str, spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadClients]:
    """The workload's clients of a server in a thread, which is told to end when the block does."""

    class SpoilingTransport(protocols_by_hand.BareTransport):
        at = 0

        def write(self, data: bytes) -> None:
            passed = spoil(data, self.at)
            self.at += len(data)
            super().write(passed)
            if len(passed) < len(data):
                self.close()

    def serve() -> None:
        with contextlib.suppress(Told):
            protocols_by_hand.serve_protocol_by_hand(listener, WORKLOADS[name].protocols())

    described = WORKLOADS[name].clients(small_scenario(name).parameters)
    tell, told = socket.socketpair()
    monkeypatch.setattr(protocols_by_hand, "BareTransport", SpoilingTransport)
    monkeypatch.setattr(protocols_by_hand, "open_readiness", lambda: UntilTold(open_readiness(), told))
    with tell, told, listen("tcp", None) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with contextlib.closing(open_clients(described, listener.getsockname(), "tcp", 1)) as clients:
                yield clients
        finally:
            tell.send(b"!")
            thread.join()


def asked(clients: LoadClients) -> int:
    """The operations of two runs, and silence after them."""
    while clients.connect_some():
        pass
    operations = sum(clients.run(0.0).operations for _ in range(2))
    clients.check_silence()
    return operations


@pytest.mark.parametrize("spoil", [one_wrong, one_more, cut_short])
@pytest.mark.parametrize("name", OVER_PROTOCOLS)
def test_a_reply_that_is_wrong_longer_or_cut_short_is_refused(
    name: str, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clients_of(name, spoil, monkeypatch) as clients, pytest.raises(ReplyError, match="expected"):
        asked(clients)


@pytest.mark.parametrize("name", OVER_PROTOCOLS)
def test_replies_that_are_as_they_should_be_are_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with clients_of(name, unspoilt, monkeypatch) as clients:
        operations = asked(clients)
    assert operations > 0
    assert all(each > 0 for each in clients.latencies_ns[: operations // 2])


def test_the_reply_to_another_request_is_another() -> None:
    described = Asking(2, active=2, payload_bytes=64, exchange="http")
    with contextlib.closing(AskingClients(("127.0.0.1", 1), "tcp", described, seed=1)) as clients:
        pairs = list(itertools.combinations(clients.connections.exchanges, 2))
    assert pairs
    assert all(one[0] != other[0] and one[1] != other[1] for one, other in pairs)
