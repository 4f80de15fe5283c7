"""The program that is traced when none is named: two tasks, a question and its echo over a pair of sockets.

Both have to wait: when a task asks for data, the other has not sent it yet.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

TITLE = "One echo between two tasks"
QUESTION = b"is anybody there?"


async def echo(sock: socket.socket) -> None:
    """Send back what comes."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, await loop.sock_recv(sock, 1024))


async def ask(sock: socket.socket) -> bytes:
    """Send the question, and return the answer."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, QUESTION)
    return await loop.sock_recv(sock, 1024)


async def exchange() -> bytes:
    """One echo between two tasks; the answer."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        async with asyncio.TaskGroup() as group:
            group.create_task(echo(right), name="echo")
            asking = group.create_task(ask(left), name="ask")
        return asking.result()


def run(factory: Callable[[], asyncio.AbstractEventLoop]) -> bytes:
    """Run it on a loop from ``factory``; the answer."""
    with asyncio.Runner(loop_factory=factory) as runner:
        loop = runner.get_loop()
        return loop.run_until_complete(loop.create_task(exchange(), name="main"))


def warm_up(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Run it often enough for the interpreter to adapt: first runs mostly show what first runs cost."""
    for _ in range(20):
        run(factory)
