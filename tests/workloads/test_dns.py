"""Lookups: that each gets the answer to its own question, and that another one is noticed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import LabError
from lab.workloads.registry import workload
from tests.workloads.exercising import LOOPS, one_pass, one_pass_by_hand

DNS = workload("dns")


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


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("numeric", [0, 1])
def test_a_pass_is_as_many_lookups_as_are_under_way_at_a_time(loop: str, numeric: int) -> None:
    latencies_ns: list[int] = []
    values = {"concurrent": 3, "numeric": numeric}
    took = one_pass(DNS, LOOPS[loop], lambda each: latencies_ns.extend(each.latencies_ns), **values)
    assert took == len(latencies_ns) == 3


@pytest.mark.parametrize("numeric", [0, 1])
def test_the_floor_looks_up_one_after_the_other(numeric: int) -> None:
    assert one_pass_by_hand(DNS, numeric=numeric) == 1


@pytest.mark.parametrize("loop", [StaleLoop, SilentLoop, FarLoop])
def test_an_answer_to_another_question_is_noticed(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with pytest.raises(LabError, match=r"expected loopback addresses with port [0-9]+ for localhost, got"):
        one_pass(DNS, loop, concurrent=2, numeric=0)
