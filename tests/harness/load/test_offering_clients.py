"""The open loop over real sockets, to a server that echoes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from lab.harness.load.client_kinds import from_job, open_clients, to_job
from lab.harness.load.offering_clients import OfferingClients
from lab.harness.measured.listener import listen
from lab.workloads.clients import Offering

DESCRIBED = Offering(2, active=2, payload_bytes=100, rate_per_s=400)


def echo(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(1 << 16):
                connection.sendall(data)
        except ConnectionError:
            return  # the clients close by a reset


@pytest.fixture
def clients() -> Iterator[OfferingClients]:
    """Clients of a server with one thread a connection, which end when the clients close."""
    threads: list[threading.Thread] = []

    def accept() -> None:
        for _ in range(DESCRIBED.connections):
            threads.append(threading.Thread(target=echo, args=(listener.accept()[0],)))
            threads[-1].start()

    with listen("tcp", None) as listener:
        listener.setblocking(True)
        accepting = threading.Thread(target=accept)
        accepting.start()
        opened = open_clients(from_job(to_job(DESCRIBED)), listener.getsockname(), "tcp", seed=1)
        assert isinstance(opened, OfferingClients)
        try:
            while opened.connect_some():
                pass
            yield opened
        finally:
            opened.close()
            accepting.join()
            for each in threads:
                each.join()


def test_every_request_of_the_schedule_is_accounted_for(clients: OfferingClients) -> None:
    exchanged = clients.run(0.05)
    assert exchanged.schedule is not None
    assert exchanged.operations + exchanged.schedule["unserved"] == exchanged.schedule["offered"] == 20
    assert len(clients.latencies_ns) == exchanged.operations
    assert {name: len(each) for name, each in exchanged.series.items()} == {
        "uncorrected": exchanged.operations,
        "late": exchanged.operations,
    }
    assert exchanged.elapsed_ns >= 50_000_000
    assert exchanged.busy_ns is not None and 0 < exchanged.busy_ns <= exchanged.elapsed_ns
    clients.check_silence()


def test_what_is_offered_waits_for_its_time_even_without_a_core_of_its_own(clients: OfferingClients) -> None:
    clients.own_core = False
    exchanged = clients.run(0.05)
    assert min(exchanged.series["late"]) >= 0
    assert all(map(int.__ge__, clients.latencies_ns, exchanged.series["uncorrected"]))
