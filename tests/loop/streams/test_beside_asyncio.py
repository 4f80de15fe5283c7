"""The same programs on asyncio's loop and on the mini-loop: the same callbacks in the same order."""

from __future__ import annotations

import asyncio
import socket
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, beside_asyncio, turns
from tests.loop.recording import Log, Recorder, StreamRecorder
from tests.loop.streams.streaming import HalfOpen, Into, reset, serving

Program = Callable[[Any, Log, Pair], Any]


class Named(StreamRecorder):
    """Puts its name in front of what it notes, so that several can share a log."""

    def __init__(self, log: Log, name: str) -> None:
        super().__init__(Names(log, name))


class Names(Log):
    """A log that adds a name to each event, and the type of an error instead of it."""

    def __init__(self, log: Log, name: str) -> None:
        super().__init__()
        self.inner, self.name = log, name

    def note(self, *event: Any) -> None:
        shown = [type(each).__name__ if isinstance(each, BaseException) else each for each in event]
        super().note(*event)
        self.inner.note(self.name, *shown)


async def polite_conversation(loop: Any, log: Log, pair: Pair) -> None:
    protocols: list[Named] = []

    def accept() -> Named:
        log.note("factory")
        protocols.append(Named(log, "server"))
        return protocols[-1]

    async with serving(loop, accept) as (_, address):
        # Connected beforehand: which end is told first, is the kernel's choice while both are under way.
        sock = socket.create_connection(address)
        await log.until(lambda log: ("server", "connection_made") in log)
        transport, client = await loop.create_connection(lambda: Named(log, "client"), sock=sock)
        log.note("connected")
        transport.write(b"one")
        log.note("written")
        await log.until(lambda log: ("server", "data_received", b"one") in log)
        protocols[0].transport.writelines([b"two", b"three"])
        await log.until(lambda log: ("client", "data_received", b"twothree") in log)
        transport.close()
        log.note("closing")
        await client.log.until_lost()
        await protocols[0].log.until_lost()
        log.note("over")


async def half_closed_both_ways(loop: Any, log: Log, pair: Pair) -> None:
    ends = [HalfOpen(Names(log, name)) for name in ("left", "right")]
    for end, sock in zip(ends, pair, strict=True):
        await loop.create_connection(lambda end=end: end, sock=sock)
    left, right = ends
    left.transport.write(b"last")
    left.transport.write_eof()
    await right.log.until(lambda log: "eof_received" in log)
    right.transport.write(b"very last")
    right.transport.write_eof()
    await left.log.until(lambda log: "eof_received" in log)
    await turns(3)
    left.transport.close()
    right.transport.abort()
    for end in ends:
        await end.log.until_lost()


async def called_while_paused(loop: Any, log: Log, pair: Pair) -> None:
    end = StreamRecorder(Names(log, "end"))
    transport, _ = await loop.create_connection(lambda: end, sock=pair[0])
    for action in (transport.pause_reading, transport.resume_reading, transport.resume_reading):
        action()
        log.note("is reading", transport.is_reading())
    transport.pause_reading()
    pair[1].send(b"data")
    await turns(4)
    log.note("resumed")
    transport.resume_reading()
    await end.log.until(lambda log: log.named("data_received"))
    transport.abort()
    transport.write(b"into the void")
    log.note("is reading", transport.is_reading())
    transport.pause_reading()
    await end.log.until_lost()
    log.note("is reading", transport.is_reading())


async def flow_control(loop: Any, log: Log, pair: Pair) -> None:
    end = StreamRecorder(Names(log, "end"))
    transport, _ = await loop.create_connection(lambda: end, sock=pair[0])
    log.note(transport.get_write_buffer_limits())
    for marks in ({"high": 1000}, {"low": 1000}, {"high": 4000, "low": 100}, {"high": 0}, {}):
        transport.set_write_buffer_limits(**marks)
        log.note(transport.get_write_buffer_limits())
    transport.write(bytes(1_000_000))
    log.note("written")
    transport.write(b"more")
    transport.close()
    log.note("closing", transport.is_closing())
    received = 0
    while data := await loop.sock_recv(pair[1], 1 << 20):
        received += len(data)
    log.note(received)
    await end.log.until_lost()


async def failing_in_every_place(loop: Any, log: Log, pair: Pair) -> None:
    for method in ("connection_made", "data_received", "eof_received", "connection_lost"):

        def failing(self: Any, *args: Any, method: str = method) -> None:
            getattr(StreamRecorder, method)(self, *args)
            raise ZeroDivisionError(method)

        left, right = socket.socketpair()
        end = type("Failing", (StreamRecorder,), {method: failing})(Names(log, method))
        await loop.create_connection(lambda end=end: end, sock=left)
        right.send(b"data")
        await end.log.until(lambda log: log.named("data_received"))
        right.close()
        await end.log.until_lost()
        await turns(2)


async def a_reset(loop: Any, log: Log, pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    end = StreamRecorder(Names(log, "end"))
    await loop.connect_accepted_socket(lambda: end, accepted)
    reset(client)
    await end.log.until_lost()


async def buffered(loop: Any, log: Log, pair: Pair) -> None:
    end = Into(100)
    end.log = Names(log, "buffered")
    transport, _ = await loop.create_connection(lambda: end, sock=pair[0])
    for data in (b"a" * 100, b"b" * 50):
        pair[1].send(data)
        await end.log.until(lambda _, data=data: end.data.endswith(data))
    plain = StreamRecorder(Names(log, "plain"))
    transport.set_protocol(plain)
    pair[1].send(b"c")
    await plain.log.until(lambda log: log.named("data_received"))
    pair[1].close()
    await plain.log.until_lost()


async def closed_at_once(loop: Any, log: Log, pair: Pair) -> None:
    class Hasty(StreamRecorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.write(b"bye")
            self.transport.close()
            self.log.note("closing")

    pair[1].send(b"never read")
    end = Hasty(Names(log, "end"))
    await loop.create_connection(lambda: end, sock=pair[0])
    log.note("connected", pair[1].recv(10))
    await end.log.until_lost()


async def methods_replaced_before_they_are_called(loop: Any, log: Log, pair: Pair) -> None:
    class Replacing(StreamRecorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.data_received = lambda data: self.log.note("replaced", data)
            self.eof_received = lambda: self.log.note("replaced eof")

    end = Replacing(Names(log, "end"))
    await loop.create_connection(lambda: end, sock=pair[0])
    for data in (b"one", b"two"):
        pair[1].send(data)
        await end.log.until(lambda log, data=data: data in log.named("replaced"))
    end.connection_lost = lambda error: log.note("connection_lost", error)
    pair[1].close()
    await log.until_lost()


async def nobody_to_take_it(loop: Any, log: Log, pair: Pair) -> None:
    end = Recorder(Names(log, "end"))
    await loop.create_connection(lambda: end, sock=pair[0])
    pair[1].send(b"data")
    await end.log.until_lost()


async def pieces_of_many_kinds(loop: Any, log: Log, pair: Pair) -> None:
    end = StreamRecorder(Names(log, "end"))
    transport, _ = await loop.create_connection(lambda: end, sock=pair[0])

    def tried(pieces: Any) -> None:
        try:
            log.note(pieces, transport.writelines(pieces))
        except (TypeError, RuntimeError) as error:
            log.note(pieces, type(error).__name__)

    for pieces in ([array("B", b"of an array"), b"", bytearray(b"!")], [], ["text"], [b"1", 2], [None]):
        tried(pieces)
    log.note(pair[1].recv(100))
    transport.write_eof()
    for pieces in ([], [b""], [b"late"]):
        tried(pieces)
    transport.abort()
    await end.log.until_lost()


PROGRAMS = (
    polite_conversation,
    half_closed_both_ways,
    called_while_paused,
    flow_control,
    failing_in_every_place,
    a_reset,
    buffered,
    closed_at_once,
    methods_replaced_before_they_are_called,
    nobody_to_take_it,
    pieces_of_many_kinds,
)


async def logged(program: Program, loop: Any, log: Log) -> None:
    """Run it with a fresh socket pair, which is closed at its end."""
    pair = socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
    try:
        await program(loop, log, pair)
    finally:
        for sock in pair:
            sock.close()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_callbacks_come_in_asyncios_order(
    loop: Loop, run: Run, reports: list[dict[str, Any]], program: Program
) -> None:
    def on(any_loop: Any, log: list[Any]) -> Any:
        async def main() -> None:
            kept = Log()
            any_loop.set_exception_handler(
                lambda _, report: kept.note("reported", repr(report.get("exception")))
            )
            await logged(program, any_loop, kept)
            log.extend(kept)

        return main()

    ours: list[Any] = []
    run(on(loop, ours))
    assert ours == beside_asyncio(on)
    assert len(ours) >= 2
