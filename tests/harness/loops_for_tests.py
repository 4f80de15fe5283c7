"""Loops that misbehave, or count, in a known way: subjects ``tests.harness.loops_for_tests:<class>``."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time

ECHOES_BEFORE_TROUBLE = 20
"""More than connecting takes in these tests, with 8 connections. Fewer than there are by the end of a window,
however slow the machine: connecting, warm-up and window each exchange at least one message over each."""

BURN_NS = 20_000_000
"""CPU for one message of `BurningLoop`: a thousand times what the echo itself takes."""


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the messages it echoes."""

    def __init__(self) -> None:
        super().__init__()
        self.echoed = 0

    async def sock_sendall(self, sock: socket.socket, data: bytes) -> None:
        self.echoed += 1
        await super().sock_sendall(sock, data)

    def counters(self) -> dict[str, int]:
        return {"echoed": self.echoed}


class BurningLoop(CountingLoop):
    """Burns a known amount of CPU for each message that it echoes, by the clock of its own thread."""

    def __init__(self) -> None:
        super().__init__()
        self.burned_ns = 0

    async def sock_sendall(self, sock: socket.socket, data: bytes) -> None:
        began_ns = time.thread_time_ns()
        burned_ns = 0
        while burned_ns < BURN_NS:
            burned_ns = time.thread_time_ns() - began_ns
        self.burned_ns += burned_ns
        await super().sock_sendall(sock, data)

    def counters(self) -> dict[str, int]:
        return {"echoed": self.echoed, "burned_ns": self.burned_ns}


class TroubledLoop(CountingLoop):
    """Echoes well for a while, then does what `trouble` does."""

    async def sock_sendall(self, sock: socket.socket, data: bytes) -> None:
        if self.echoed >= ECHOES_BEFORE_TROUBLE:
            data = self.trouble(sock, data)
        await super().sock_sendall(sock, data)

    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        return data


class WrongByteLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        return data[:17] + bytes([data[17] ^ 1]) + data[18:]


class DoublingLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        return data + data


class RaisingLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        raise ValueError("the server is out of echoes")


class ComplainingLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        self.call_exception_handler({"message": "a callback went wrong"})
        return data


class KilledLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return data


class StoppedLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        os.kill(os.getpid(), signal.SIGSTOP)
        return data


class HangingLoop(TroubledLoop):
    def trouble(self, sock: socket.socket, data: bytes) -> bytes:
        never_set = threading.Event()
        never_set.wait()
        return data


class ClosingLoop(CountingLoop):
    """Says after a while that the client has gone, so that the server closes the connection."""

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        return b"" if self.echoed >= ECHOES_BEFORE_TROUBLE else await super().sock_recv(sock, n)


class DeafLoop(CountingLoop):
    """Adds readers and never calls them."""

    def add_reader(self, fd: int, callback: object, *args: object) -> None:
        return None

    def remove_reader(self, fd: int) -> bool:
        return False


class ServerlessLoop(asyncio.SelectorEventLoop):
    """Has no servers."""

    create_server = asyncio.AbstractEventLoop.create_server
    create_unix_server = asyncio.AbstractEventLoop.create_unix_server


class UnacceptingLoop(asyncio.SelectorEventLoop):
    """Has sockets, and accepts none."""

    sock_accept = asyncio.AbstractEventLoop.sock_accept


class PlainLoop(asyncio.SelectorEventLoop):
    """Serves, but not over TLS."""

    async def create_server(self, *args: object, **more: object) -> asyncio.AbstractServer:
        if more.get("ssl"):
            raise NotImplementedError
        return await super().create_server(*args, **more)


class BareLoop(asyncio.SelectorEventLoop):
    """Runs callbacks and timers, and has little else."""

    add_signal_handler = asyncio.AbstractEventLoop.add_signal_handler
    create_datagram_endpoint = asyncio.AbstractEventLoop.create_datagram_endpoint
    getaddrinfo = asyncio.AbstractEventLoop.getaddrinfo
    subprocess_exec = asyncio.AbstractEventLoop.subprocess_exec


class RefusingLoop(asyncio.SelectorEventLoop):
    """Has servers that cannot be made."""

    async def create_server(self, *args: object, **more: object) -> asyncio.AbstractServer:
        raise OSError("no more servers today")


class LeavingInUdpLoop(asyncio.SelectorEventLoop):
    """Ends the process where datagrams are asked for."""

    async def create_datagram_endpoint(self, *args: object, **more: object) -> tuple[object, object]:
        os._exit(9)


class LeavingInThreadLoop(asyncio.SelectorEventLoop):
    """Ends the process when another thread calls."""

    def call_soon_threadsafe(self, *args: object, **more: object) -> asyncio.Handle:
        os._exit(9)


def chatty_loop() -> asyncio.AbstractEventLoop:
    """A loop whose making writes to the standard output."""
    os.write(1, b'{"event": "listening"}\nhello\n')
    return CountingLoop()


def leaving_loop() -> asyncio.AbstractEventLoop:
    """Ends the process."""
    os._exit(7)


def dying_loop() -> asyncio.AbstractEventLoop:
    """Crashes, as an extension module may."""
    os.kill(os.getpid(), signal.SIGKILL)
    return CountingLoop()


def hanging_loop() -> asyncio.AbstractEventLoop:
    """Is never made."""
    threading.Event().wait()
    return CountingLoop()


def refused_loop() -> asyncio.AbstractEventLoop:
    """A loop that cannot be made here."""
    raise OSError("this mechanism is out of order")


def nonsense() -> int:
    """Makes no loop."""
    return 42


not_a_factory = "a loop"
