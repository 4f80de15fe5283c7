"""The checks that a loop must pass before it is timed, each a few milliseconds (see `conformance`).

Rule: only what asyncio documents, and what a workload or the harness relies on. A failed sample, for one, is
known by the exception handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from lab.harness.trials.conformance import Check, Deviation, Loop, same, within

PAYLOAD = bytes(range(256)) * 4096
"""1 MiB: more than a socket's buffers take at once, so that whoever sends it has to wait."""
UNCALLED_S = 1.0
"""A reader that was not called by then is not called."""
EARLY_S = 0.002
"""A timer may fire this much before its time: loops count in whole milliseconds."""


def _call_soon(loop: Loop) -> None:
    seen: list[str] = []
    given: contextvars.ContextVar[str] = contextvars.ContextVar("given", default="none")
    context = contextvars.copy_context()
    context.run(given.set, "its own")

    def second() -> None:
        seen.append("second")
        loop.call_soon(seen.append, "from the second")
        loop.call_soon(loop.stop)

    loop.call_soon(seen.append, "first")
    loop.call_soon(second)
    loop.call_soon(seen.append, "third")
    loop.call_soon(lambda: seen.append(given.get()), context=context)
    same("before the loop ran", [], list(seen))
    loop.run_forever()
    same("the order, and the context", ["first", "second", "third", "its own", "from the second"], seen)


def _cancelled(loop: Loop) -> None:
    seen: list[str] = []
    soon = loop.call_soon(seen.append, "callback")
    timer = loop.call_later(0.001, seen.append, "timer")
    soon.cancel()
    timer.cancel()
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    same("what ran after it was cancelled", [], seen)


def _timers(loop: Loop) -> None:
    began_s, seen = loop.time(), []
    for delay_s in (0.015, 0.005, 0.01):
        loop.call_later(delay_s, lambda delay_s=delay_s: seen.append((delay_s, loop.time() - began_s)))
    loop.call_at(began_s + 0.03, loop.stop)
    loop.run_forever()
    same("the order", [0.005, 0.01, 0.015], [delay_s for delay_s, _ in seen])
    early = [delay_s for delay_s, after_s in seen if after_s < delay_s - EARLY_S]
    same("timers that fired early", [], early)


def _futures(loop: Loop) -> None:
    seen: list[str] = []

    async def failing() -> None:
        raise ZeroDivisionError

    async def main() -> int:
        same("get_running_loop()", True, asyncio.get_running_loop() is loop)
        future = loop.create_future()
        future.add_done_callback(lambda _future: seen.append("callback"))
        future.set_result(7)
        seen.append("set")
        value = await future
        sleeping = loop.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        sleeping.cancel()
        ended = await asyncio.gather(sleeping, loop.create_task(failing()), return_exceptions=True)
        kinds = [asyncio.CancelledError, ZeroDivisionError]
        same("a cancelled and a failed task", kinds, [type(each) for each in ended])
        return value

    same("the result", 7, loop.run_until_complete(main()))
    same("a done-callback runs", ["set", "callback"], seen)
    try:
        loop.run_until_complete(failing())
    except ZeroDivisionError:
        return
    raise Deviation("run_until_complete: expected the coroutine's ZeroDivisionError, got none")


def _exceptions(loop: Loop) -> None:
    reported: list[Any] = []
    loop.set_exception_handler(lambda _loop, context: reported.append(context.get("exception")))
    loop.call_soon(lambda: 1 // 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    same("what it got", ["ZeroDivisionError"], [type(each).__name__ for each in reported])


def _threadsafe(loop: Loop) -> None:
    future = loop.create_future()

    def call() -> None:
        time.sleep(0.01)
        loop.call_soon_threadsafe(future.set_result, "woken")

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    same("the result", "woken", within(loop, future, "the loop to wake"))
    caller.join()


def _executor(loop: Loop) -> None:
    other = within(loop, loop.run_in_executor(None, threading.get_ident), "a result")
    same("in the loop's own thread", False, other == threading.get_ident())
    failing = loop.run_in_executor(None, lambda: 1 // 0)
    ended = within(loop, asyncio.gather(failing, return_exceptions=True), "an error")
    same("the error", ["ZeroDivisionError"], [type(each).__name__ for each in ended])
    loop.run_until_complete(loop.shutdown_default_executor())


def _readers(loop: Loop) -> None:
    calls: list[int] = []

    def called(number: int) -> None:
        calls.append(number)
        if len(calls) == 3:
            loop.stop()

    with _pair() as (near, far):
        near.send(b"x")
        loop.add_reader(far.fileno(), called, 1)
        giving_up = loop.call_later(UNCALLED_S, loop.stop)
        loop.run_forever()
        giving_up.cancel()
        same("calls while nobody reads, up to the third", [1, 1, 1], calls[:3])
        loop.remove_reader(far.fileno())
        before = len(calls)
        loop.call_later(0.005, loop.stop)
        loop.run_forever()
        same("calls after it was removed", 0, len(calls) - before)


def _sockets(loop: Loop) -> None:
    async def exchange(near: socket.socket, far: socket.socket) -> tuple[bytes, bytes]:
        sending = asyncio.ensure_future(loop.sock_sendall(near, PAYLOAD))
        got = bytearray()
        while len(got) < len(PAYLOAD) and (chunk := await loop.sock_recv(far, 65536)):
            got += chunk
        await sending
        near.shutdown(socket.SHUT_WR)
        return bytes(got), await loop.sock_recv(far, 65536)

    with _pair() as (near, far):
        got, after = within(loop, exchange(near, far), "1 MiB to arrive")
    _same_payload(got)
    same("after the last byte", b"", after)


def _accepting(loop: Loop) -> None:
    async def meet(listener: socket.socket, client: socket.socket) -> bytes:
        accepting = asyncio.ensure_future(loop.sock_accept(listener))
        await loop.sock_connect(client, listener.getsockname())
        server, _address = await accepting
        with server:
            same("the accepted socket's timeout", 0.0, server.gettimeout())
            await loop.sock_sendall(client, b"hello")
            return await loop.sock_recv(server, 100)

    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        listener.setblocking(False)
        client.setblocking(False)
        same("what arrived", b"hello", within(loop, meet(listener, client), "a connection"))


class _Echo(asyncio.Protocol):
    """Sends back what comes; ``ended`` gets what each connection is told at its end."""

    def __init__(self, ended: list[BaseException | None]) -> None:
        self._ended = ended
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, error: BaseException | None) -> None:
        self._ended.append(error)


class _Collector(_Echo):
    """Keeps what comes."""

    def __init__(self, ended: list[BaseException | None]) -> None:
        super().__init__(ended)
        self.got = bytearray()

    def data_received(self, data: bytes) -> None:
        self.got += data


def _transports(loop: Loop) -> None:
    ends: list[BaseException | None] = []

    async def until(client: _Collector, size: int, connections_ended: int) -> None:
        while len(client.got) < size or len(ends) < connections_ended:
            await asyncio.sleep(0.001)

    async def connect() -> tuple[asyncio.Server, _Collector]:
        server = await loop.create_server(lambda: _Echo(ends), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        _transport, client = await loop.create_connection(lambda: _Collector(ends), *address)
        client.transport.write(PAYLOAD)
        return server, client

    server, client = within(loop, connect(), "a connection to be made")
    try:
        within(loop, until(client, len(PAYLOAD), 0), "1 MiB to be echoed")
        _same_payload(bytes(client.got))
        client.transport.close()
        within(loop, until(client, 0, 2), "both ends of a connection to be told that it has ended")
    finally:
        client.transport.abort()
        server.close()
    same("what connection_lost was told", [None, None], ends)
    within(loop, server.wait_closed(), "the server to close")


def _shutdown(loop: Loop) -> None:
    for _ in range(2):
        loop.call_soon(loop.stop)
        loop.run_forever()
    same("is_running() after stop()", False, loop.is_running())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    loop.close()
    same("is_closed() after close()", True, loop.is_closed())


def _same_payload(got: bytes) -> None:
    same("bytes that arrived", len(PAYLOAD), len(got))
    wrong = next((at for at, (a, b) in enumerate(zip(PAYLOAD, got, strict=True)) if a != b), None)
    same("the first wrong byte", None, wrong)


@contextlib.contextmanager
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


CHECKS: tuple[Check, ...] = (
    Check("call_soon", "callbacks to run in their order, each in the context that it was given", _call_soon),
    Check("cancelled handles", "a cancelled callback not to run", _cancelled),
    Check("timers", "timers to fire in the order of their times, none early", _timers),
    Check("futures and tasks", "results, errors and cancellation to reach whoever awaits them", _futures),
    Check(
        "exception handler",
        "an exception of a callback to reach the exception handler, and the loop to go on",
        _exceptions,
        complains=True,
    ),
    Check("call_soon_threadsafe", "a call from another thread to wake a loop that sleeps", _threadsafe),
    Check(
        "run_in_executor",
        "a function to run in another thread, its result and its error to come back",
        _executor,
    ),
    Check(
        "add_reader",
        "a reader to be called for as long as there is data, and not once it is removed",
        _readers,
    ),
    Check(
        "sock_recv and sock_sendall", "1 MiB to arrive as it was sent, then the end of the stream", _sockets
    ),
    Check("sock_accept and sock_connect", "a listening socket to accept, and both ends to talk", _accepting),
    Check(
        "create_server and create_connection",
        "1 MiB to be echoed by protocols, then both connections to end",
        _transports,
    ),
    Check("shutdown", "a loop to stop, to run again, and to close", _shutdown),
)
"""In the order in which they are made: what the later ones need comes first."""
