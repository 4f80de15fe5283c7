"""How clients wait for replies: without sleeping on a core of their own, and in the kernel elsewhere."""

from __future__ import annotations

import math
import os

import pytest

from lab.harness.load.clients import LoadClients
from lab.harness.load.datagram_clients import DatagramClients
from lab.workloads.clients import Datagrams
from lab.workloads.readiness import READ, open_readiness

READY = [(7, READ)]


class Kernel:
    """A poll that has nothing for the first ``empty`` looks, and keeps how long it was allowed to block."""

    def __init__(self, empty: float) -> None:
        self.empty = empty
        self.timeouts: list[float | None] = []

    def poll(self, timeout_s: float | None) -> list[tuple[int, int]]:
        self.timeouts.append(timeout_s)
        return READY if len(self.timeouts) > self.empty else []


@pytest.fixture
def clients() -> LoadClients:
    return DatagramClients(("127.0.0.1", 9), "udp", Datagrams(connections=1, message_bytes=64), 1)


def test_on_a_core_of_its_own_a_client_looks_until_something_has_come_and_never_sleeps(
    clients: LoadClients,
) -> None:
    kernel = Kernel(empty=5)
    assert clients.awake(kernel.poll)() == READY
    assert kernel.timeouts == [0] * 6
    assert clients.idle_ns > 0


def test_what_is_there_at_once_takes_no_time_of_waiting(clients: LoadClients) -> None:
    assert clients.awake(Kernel(empty=0).poll)() == READY
    assert clients.idle_ns == 0


def test_a_reply_that_stays_out_is_waited_for_in_the_kernel(
    clients: LoadClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.harness.load.clients.WATCH_S", 0.001)
    kernel = Kernel(empty=math.inf)
    assert clients.awake(kernel.poll, 0.25)() == []
    assert kernel.timeouts[-1] == 0.25
    assert set(kernel.timeouts[:-1]) == {0}


@pytest.mark.parametrize("patience_s", [None, 0.25])
def test_where_the_core_is_shared_a_client_sleeps_in_the_kernel(
    clients: LoadClients, patience_s: float | None
) -> None:
    clients.own_core = False
    kernel = Kernel(empty=0)
    assert clients.awake(kernel.poll, patience_s)() == READY
    assert kernel.timeouts == [patience_s]
    assert clients.idle_ns == 0


def test_the_readiness_of_this_system_can_be_looked_at_without_blocking(clients: LoadClients) -> None:
    readiness, (reading, writing) = open_readiness(), os.pipe()
    try:
        readiness.register(reading, READ)
        assert clients.awake(readiness.poll, 0.001)() == []
        os.write(writing, b"x")
        assert clients.awake(readiness.poll)() == [(reading, READ)]
    finally:
        readiness.close()
        os.close(reading)
        os.close(writing)
