"""What handles of one turn write is sent when the last of them has run, and nobody can tell."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from lab.loop.sending import POSTPONED_AT_MOST, POSTPONED_PIECES
from lab.loop.turn import HANDLES_TOGETHER
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import receive, reset

NewPair = Callable[..., Pair]


def come(sock: socket.socket) -> bytes:
    """What has arrived by now; b"" if nothing has."""
    try:
        return sock.recv(1_000_000)
    except BlockingIOError:
        return b""


async def together(loop: Loop, *calls: Callable[[], object]) -> None:
    """Make ``calls`` in one turn, as many handles, and let the turn end."""
    for call in calls:
        loop.call_soon(call)
    await turns(2)


def test_what_several_handles_write_is_sent_when_the_last_has_run(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> tuple[list[bytes], list[bytes]]:
        pairs = [new_pair() for _ in range(3)]
        transports = [(await put_on(here, StreamRecorder())).transport for here, _ in pairs]
        meanwhile: list[bytes] = []
        writes = [lambda each=each: each.write(b"answer") for each in transports]
        await together(loop, *writes, lambda: meanwhile.extend(come(there) for _, there in pairs))
        return meanwhile, [come(there) for _, there in pairs]

    assert run(main()) == ([b"", b"", b""], [b"answer"] * 3)


def test_a_handle_that_is_alone_in_its_turn_sends_at_once(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> bytes:
        here, there = new_pair()
        transport = (await put_on(here, StreamRecorder())).transport
        await turns(2)
        transport.write(b"now")
        return come(there)

    assert run(main()) == b"now"


def test_a_protocol_that_answers_sends_at_once(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    class Answers(StreamRecorder):
        def data_received(self, data: bytes) -> None:
            self.transport.write(b"answer")
            seen.append(come(there))

    seen: list[bytes] = []
    here, there = new_pair()

    async def main() -> list[bytes]:
        await put_on(here, Answers())
        there.send(b"question")
        while not seen:
            await turns()
        return seen

    assert run(main()) == [b"answer"]


def test_pieces_of_one_turn_arrive_in_order_and_whole(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> bytes:
        here, there = new_pair()
        transport = (await put_on(here, StreamRecorder())).transport

        def write_all() -> None:
            transport.write(b"head ")
            transport.write(bytearray(b"body "))
            transport.write(b"")
            transport.writelines([b"tail", b" ", b"end"])
            transport.write(b".")

        await together(loop, write_all, int)
        return come(there)

    assert run(main()) == b"head body tail end."


def test_a_piece_that_is_large_is_not_postponed_and_takes_along_what_was(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    large = bytes(POSTPONED_AT_MOST + 1)

    async def main() -> list[int]:
        here, there = new_pair()
        transport = (await put_on(here, StreamRecorder())).transport
        lengths: list[int] = []

        def write() -> None:
            transport.write(large)
            lengths.append(len(come(there)))
            transport.write(b"head")
            lengths.append(len(come(there)))
            transport.write(large)
            lengths.append(len(come(there)))

        await together(loop, write, int)
        return lengths

    assert run(main()) == [len(large), 0, 4 + len(large)]


def test_who_writes_on_and_on_is_asked_to_pause(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> tuple[bool, int, int]:
        here, there = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        count = 0

        def write_until_asked() -> None:
            nonlocal count
            while "pause_writing" not in protocol.log and count < 10_000:
                protocol.transport.write(bytes(1000))
                count += 1

        await together(loop, write_until_asked, int)
        return "pause_writing" in protocol.log, count, len(await receive(loop, there, count * 1000))

    paused, count, received = run(main())
    assert paused and POSTPONED_PIECES < count < 10_000
    assert received == count * 1000


@pytest.mark.parametrize(
    "act",
    [
        lambda transport: transport.close(),
        lambda transport: transport.abort(),
        lambda transport: transport.write_eof(),
        lambda transport: transport.get_write_buffer_size(),
        lambda transport: transport.set_write_buffer_limits(0),
        lambda transport: transport._make_empty_waiter(),
    ],
    ids=["close", "abort", "write_eof", "get_write_buffer_size", "set_write_buffer_limits", "sendfile"],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_whatever_else_is_done_with_the_transport_finds_it_sent(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, act: Callable[[Any], object], pieces: int
) -> None:
    async def main() -> list[bytes]:
        here, there = new_pair()
        transport = (await put_on(here, StreamRecorder())).transport
        seen: list[bytes] = []

        def write_and_act() -> None:
            for _ in range(pieces):
                transport.write(b"before")
            seen.append(come(there))
            act(transport)
            seen.append(come(there))

        await together(loop, write_and_act, int)
        return seen

    assert run(main()) == [b"", b"before" * pieces]


def test_closing_ends_the_connection_in_the_same_place_as_with_asyncio(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> list[str]:
        here, _ = new_pair()
        protocol = await put_on(here, StreamRecorder())

        def write_and_close() -> None:
            protocol.transport.write(b"last words")
            protocol.transport.close()
            loop.call_soon(protocol.log.note, "asked for after the end")

        loop.call_soon(write_and_close)
        loop.call_soon(lambda: loop.call_soon(protocol.log.note, "and later"))
        await turns(4)
        return [each[0] if isinstance(each, tuple) else each for each in protocol.log[1:]]

    assert run(main()) == ["connection_lost", "asked for after the end", "and later"]


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_connection_that_is_broken_is_lost_by_its_error(
    loop: Loop, run: Run, put_on: PutOn, pieces: int
) -> None:
    async def main() -> list[Any]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            there = socket.create_connection(listener.getsockname())
            here, _ = listener.accept()
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.pause_reading()
        reset(there)

        def write() -> None:
            for _ in range(pieces):
                protocol.transport.write(b"nobody reads this")

        await together(loop, write, int)
        await protocol.log.until_lost()
        return protocol.log.named("connection_lost")

    (error,) = run(main())
    assert isinstance(error, ConnectionError)


def test_an_interrupt_does_not_keep_back_what_was_written(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    here, there = new_pair()

    async def begin() -> Any:
        return (await put_on(here, StreamRecorder())).transport

    def interrupt() -> None:
        raise KeyboardInterrupt

    transport = run(begin())
    loop.call_soon(transport.write, b"before the interrupt")
    loop.call_soon(interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert come(there) == b"before the interrupt"


def test_tasks_that_answer_through_streams_send_when_all_have_answered(loop: Loop, run: Run) -> None:
    left = asyncio.Semaphore(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\n")
            writer.write(line)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        left.release()

    async def main() -> list[bytes]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        clients = [await asyncio.open_connection(*address) for _ in range(20)]
        answers = []
        for _ in range(3):
            for _, writer in clients:
                writer.write(b"question\n")
            answers += [await reader.readexactly(26) for reader, _ in clients]
        for _, writer in clients:
            writer.close()
            await writer.wait_closed()
            await left.acquire()
        server.close()
        await server.wait_closed()
        return answers

    assert run(main()) == [b"HTTP/1.1 200 OK\r\nquestion\n"] * 60


def test_no_answer_waits_for_more_than_some_handles(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> int:
        here, there = new_pair()
        transport = (await put_on(here, StreamRecorder())).transport
        seen: list[bytes] = []
        looks = [lambda: seen.append(come(there))] * (3 * HANDLES_TOGETHER)
        await together(loop, lambda: transport.write(b"answer"), *looks)
        return seen.index(b"answer")

    assert 0 < run(main()) < HANDLES_TOGETHER
