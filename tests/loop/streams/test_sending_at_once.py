"""What a transport is given to write is in the kernel when the call returns, whoever else is ready to run.

To hold it back until others have run would save calls. But a program sees it: it blocks for the answer, ends
its process, or uses the same socket.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run

NewPair = Callable[..., Pair]
Step = Callable[[Any, socket.socket], None]


def in_one_of_several_handles(loop: Loop, run: Run, pair: Pair, step: Step) -> None:
    """Call ``step(transport, peer)`` in a handle, with others before and behind it in the same turn."""
    ours, theirs = pair
    raised: list[BaseException] = []

    def handle(transport: Any) -> None:
        try:
            step(transport, theirs)
        except BaseException as error:
            raised.append(error)

    async def main() -> None:
        transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, ours)
        for number in range(9):
            loop.call_soon(handle if number == 4 else int, *([transport] if number == 4 else []))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        transport.abort()
        await asyncio.sleep(0)

    run(main())
    assert raised == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_the_peer_has_it_when_the_call_returns(loop: Loop, run: Run, new_pair: NewPair, family: int) -> None:
    def step(transport: Any, peer: socket.socket) -> None:
        peer.setblocking(True)
        peer.settimeout(10)
        transport.write(b"one")
        assert peer.recv(100) == b"one"
        transport.writelines([b"two", b"three"])
        assert peer.recv(100) == b"twothree"

    in_one_of_several_handles(loop, run, new_pair(family), step)


def test_it_comes_before_the_end_that_the_program_makes_itself(
    loop: Loop, run: Run, new_pair: NewPair
) -> None:
    def step(transport: Any, peer: socket.socket) -> None:
        peer.setblocking(True)
        peer.settimeout(10)
        transport.write(b"bye")
        transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        assert [peer.recv(100), peer.recv(100)] == [b"bye", b""]

    in_one_of_several_handles(loop, run, new_pair(socket.AF_INET), step)


def test_two_transports_send_in_the_order_of_the_calls(loop: Loop, run: Run, new_pair: NewPair) -> None:
    other, others_peer = new_pair()

    def step(transport: Any, peer: socket.socket) -> None:
        transport.write(b"first")
        other.send(b"second")
        assert others_peer.recv(100) == b"second"
        assert peer.recv(100) == b"first"

    in_one_of_several_handles(loop, run, new_pair(), step)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_ends_behind_the_call_has_sent_it_once(
    loop: Loop, run: Run, new_pair: NewPair
) -> None:
    def step(transport: Any, peer: socket.socket) -> None:
        child = os.fork()
        if child == 0:
            try:
                transport.write(b"bye")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert peer.recv(100) == b"bye"
        with pytest.raises(BlockingIOError):
            peer.recv(100)

    in_one_of_several_handles(loop, run, new_pair(), step)
