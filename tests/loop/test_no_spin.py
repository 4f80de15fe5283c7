"""A kernel that repeats an event nobody wants must not keep the loop awake."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns


@pytest.mark.parametrize("by", ["add_reader", "sock_recv"])
def test_a_living_duplicate_of_a_closed_socket_does_not_spin(
    loop: Loop, run: Run, pair: Pair, by: str
) -> None:
    """epoll goes on reporting it under the old number, which no call reaches any more."""
    if loop.backend.name == "selectors-epoll":
        pytest.skip("selectors.EpollSelector drops such events without telling, and spins")
    ours, theirs = pair
    with contextlib.closing(ours.dup()):
        if by == "add_reader":
            loop.add_reader(ours, pytest.fail, "nobody removed it, but it was closed")
            fd = ours.fileno()
            ours.close()
            loop.remove_reader(fd)
        else:
            theirs.send(b"!")
            run(loop.sock_recv(ours, 100))
            with pytest.raises(TimeoutError):
                run(asyncio.wait_for(loop.sock_recv(ours, 100), 0))
            ours.close()
        theirs.send(b"never read")
        run(turns(4))
        assert waits_while_idle(loop, run) <= 3


def waits_while_idle(loop: Loop, run: Run) -> int:
    """How many waits it takes to sleep for a moment; a loop that spins takes thousands."""
    before = loop.counters()["waits"]
    run(asyncio.sleep(0.01))
    return loop.counters()["waits"] - before - 1


@pytest.mark.parametrize("ending", ["shutdown", "close", "data"])
def test_what_nobody_waits_for_does_not_spin(loop: Loop, run: Run, pair: Pair, ending: str) -> None:
    ours, theirs = pair

    async def main() -> None:
        await loop.sock_sendall(theirs, b"!")
        await loop.sock_recv(ours, 100)
        task = loop.create_task(loop.sock_recv(ours, 100))
        await turns(2)
        task.cancel()
        {
            "shutdown": lambda: theirs.shutdown(socket.SHUT_RDWR),
            "close": theirs.close,
            "data": lambda: theirs.send(b"!"),
        }[ending]()
        await turns(4)

    run(main())
    assert waits_while_idle(loop, run) <= 3
    assert run(loop.sock_recv(ours, 100)) == (b"!" if ending == "data" else b"")
