"""Lookups: that each gets the answer to its own question, and that another one is noticed."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads import dns
from lab.workloads.dns_responder import addresses_of
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

DNS = workload("dns")
ASKING_NOBODY = [dns.DIGITS, dns.HOSTS_FILE]


class StaleLoop(asyncio.SelectorEventLoop):
    """Gives the answer to another question."""

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return await super().getaddrinfo(host, 65_000, **more)


class SilentLoop(asyncio.SelectorEventLoop):
    """Knows no address."""

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return []


class FarLoop(asyncio.SelectorEventLoop):
    """Knows an address elsewhere."""

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]


class ServedLoop(asyncio.SelectorEventLoop):
    """Answers as the C library does that asks the lab's server, without one; ``answered`` may change it."""

    answered: Callable[[int], int] = staticmethod(lambda number: number)
    missing = 0

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return as_served(host, port, self.answered)[self.missing :]


class ConfusedLoop(ServedLoop):
    """Gives one name the addresses of another."""

    answered = staticmethod(lambda number: number + 1)


class HalfLoop(ServedLoop):
    """Loses one of the two addresses."""

    missing = 1


def as_served(host: str, port: int, answered: Callable[[int], int] = lambda number: number) -> dns.Answer:
    addresses = addresses_of(answered(int(host[1 : host.index(".")])))
    return [(0, socket.SOCK_STREAM, 6, "", (str(address), port)) for address in addresses]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("source", ASKING_NOBODY)
def test_a_pass_is_as_many_lookups_as_are_under_way_at_a_time(loop: str, source: int) -> None:
    latencies_ns: list[int] = []
    values = {"concurrent": 3, "source": source}
    took = one_pass(DNS, LOOPS[loop], lambda each: latencies_ns.extend(each.latencies_ns), **values)
    assert took == len(latencies_ns) == 3


@pytest.mark.parametrize("source", ASKING_NOBODY)
def test_the_floor_looks_up_one_after_the_other_where_there_is_nothing_to_wait_for(source: int) -> None:
    assert one_pass_by_hand(DNS, source=source) == 1


def test_the_floor_asks_side_by_side_where_a_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=30)

    def getaddrinfo(host: str, port: int, **_more: object) -> dns.Answer:
        together.wait()
        return as_served(host, port)

    monkeypatch.setattr(dns.socket, "getaddrinfo", getaddrinfo)
    assert one_pass_by_hand(DNS, concurrent=3) == 3


def test_a_wrong_answer_to_any_thread_of_the_floor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns.socket, "getaddrinfo", lambda host, port, **_: as_served(host, port)[1:])
    with pytest.raises(LabError, match=r"expected the addresses of this name with port 2 for n1\.muxlab"):
        one_pass_by_hand(DNS, concurrent=1)


@pytest.mark.parametrize("loop", [StaleLoop, SilentLoop, FarLoop])
def test_an_answer_to_another_question_is_noticed(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with pytest.raises(LabError, match=r"expected loopback addresses with port [0-9]+ for localhost, got"):
        one_pass(DNS, loop, concurrent=2, source=dns.HOSTS_FILE)


def test_each_lookup_asks_a_server_for_a_name_of_its_own() -> None:
    asked: list[str] = []

    class AskedLoop(ServedLoop):
        async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
            asked.append(host)
            return await super().getaddrinfo(host, port, **more)

    assert one_pass(DNS, AskedLoop, concurrent=3) == 3
    assert asked == ["n1.muxlab.test", "n2.muxlab.test", "n3.muxlab.test"]


@pytest.mark.parametrize("loop", [ConfusedLoop, HalfLoop, SilentLoop])
def test_a_name_must_get_all_of_its_own_addresses(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    expected = r"expected the addresses of this name with port 2 for n1\.muxlab\.test, got"
    with pytest.raises(LabError, match=expected):
        one_pass(DNS, loop, concurrent=1)


def test_only_a_server_can_wait() -> None:
    with pytest.raises(LabError, match=r"delay is the server's, and there is one with source=2 only"):
        DNS.scenario(source=dns.HOSTS_FILE, delay=5)


def test_only_a_server_needs_something_around_the_process() -> None:
    assert DNS.surroundings(DNS.scenario(source=dns.HOSTS_FILE).parameters) is None
    assert DNS.surroundings(DNS.scenario().parameters) is not None
