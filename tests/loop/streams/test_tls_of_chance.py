"""Whatever two ends say to each other over TLS, each is told the same on asyncio's loop and on the mini-loop.

Hypothesis makes up the conversations; the seed is fixed. Data is compared by its amount: how it is cut into
pieces depends on how much a loop reads at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import backends
from tests.loop.conftest import in_time, new_loop, turns
from tests.loop.recording import Log
from tests.loop.streams.conversing import Conversation, played
from tests.loop.streams.streaming import Into

TESTED = [name for name in ("select", "epoll", "epoll-et") if backends.unavailable(name) is None]
IN_FULL = 60
"""Turns in which all that was written arrives."""

SIZES = st.sampled_from([1, 10, 1000, 16_384, 16_385, 40_000])
STEPS = st.one_of(
    st.tuples(st.just("write"), SIZES),
    st.tuples(st.just("writelines"), SIZES),
    st.tuples(st.sampled_from(["pause", "resume", "plain", "close", "abort", "end below"]), st.just(0)),
    st.tuples(st.just("limits"), st.sampled_from([1, 100, 100_000])),
    st.tuples(st.just("into"), st.sampled_from([3000, 16_384, 100_000])),
)
CONVERSATIONS = st.lists(st.tuples(st.sampled_from(["server", "client"]), STEPS, st.booleans()), max_size=12)


async def follow(script: list[Any], them: Conversation) -> None:
    """Do what the script says; at the end read what is left, and abort both."""
    transports = {"server": them.to_client, "client": them.to_server}
    protocols = {"server": them.server, "client": them.client}
    for who, step, waits in script:
        try:
            take(step, transports[who], protocols[who], them.below[who == "client"])
        except (OSError, RuntimeError, AttributeError, AssertionError) as error:
            protocols[who].log.note("raised", type(error).__name__)
        if waits:
            await turns(IN_FULL)
    for who, transport in transports.items():
        with contextlib.suppress(AttributeError):  # closed twice, a TLS transport knows nothing any more
            transport.resume_reading()
        await turns(2 * IN_FULL)
        protocols[who].log.note("is closing", transport.is_closing())
        transport.abort()


def take(step: tuple[str, int], transport: Any, protocol: Any, below: socket.socket) -> None:
    match step:
        case "write", size:
            transport.write(bytes(size))
        case "writelines", size:
            transport.writelines([bytes(size), b"", bytes(3)])
        case "pause", _:
            transport.pause_reading()
        case "resume", _:
            transport.resume_reading()
        case "limits", size:
            transport.set_write_buffer_limits(size)
        case "into", size:
            into = Into(size)
            into.log, into.pause_writing, into.resume_writing = (
                protocol.log,
                protocol.pause_writing,
                protocol.resume_writing,
            )
            transport.set_protocol(into)
        case "plain", _:
            transport.set_protocol(protocol)
        case "close", _:
            transport.close()
        case "abort", _:
            transport.abort()
        case "end below", _:
            below.shutdown(socket.SHUT_WR)
        case _:
            raise NotImplementedError(step)


def on(loop: asyncio.AbstractEventLoop, script: list[Any]) -> list[Any]:
    with contextlib.closing(loop):
        *ends, reports = loop.run_until_complete(
            in_time(played(lambda them: follow(script, them), loop, Log()))
        )
    return [*map(in_amounts, ends), reports]


def in_amounts(events: list[Any]) -> list[Any]:
    """The events with data in amounts, added up where nothing lies between."""
    shown: list[Any] = []
    for event in events:
        name, value = event if isinstance(event, tuple) and len(event) == 2 else (event, None)
        if name not in ("data_received", "buffer_updated"):
            shown.append(event)
            continue
        amount = value if isinstance(value, int) else len(value)
        if shown and isinstance(shown[-1], list):
            shown[-1][1] += amount
        else:
            shown.append(["data", amount])
    return shown


@pytest.mark.parametrize("name", TESTED)
def test_each_end_is_told_what_it_is_told_on_asyncio(name: str) -> None:
    told = 0

    @settings(
        max_examples=120,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(script=CONVERSATIONS)
    def check(script: list[Any]) -> None:
        nonlocal told
        ours = on(new_loop(name), script)
        assert ours == on(asyncio.SelectorEventLoop(), script)
        told += sum(isinstance(event, list) for end in ours[:2] for event in end)

    check()
    assert told > 20, "data was delivered"
