"""How connections end: closing, aborting, breaking, and protocols that raise."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn
from tests.loop.streams.streaming import Into, all_of, receive, reset

NewPair = Callable[..., Pair]
Reports = list[dict[str, Any]]


def test_closing_sends_what_is_queued_first(loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair) -> None:
    async def main() -> tuple[int, Any]:
        here, there = new_pair(buffer=4096)
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.write(bytes(500_000))
        protocol.transport.close()
        protocol.transport.close()
        assert protocol.transport.is_closing()
        await turns(3)
        assert not protocol.log.named("connection_lost")
        return len(await receive(loop, there, 600_000)), (await protocol.log.until_lost())[-1]

    assert run(main()) == (500_000, ("connection_lost", None))


def test_aborting_drops_what_is_queued(loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair) -> None:
    async def main() -> tuple[int, Any]:
        here, there = new_pair(buffer=4096)
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.write(bytes(500_000))
        protocol.transport.abort()
        assert protocol.log[-1] == "pause_writing", "the protocol is not told from within abort()"
        await protocol.log.until_lost()
        return len(await receive(loop, there, 600_000)), protocol.log[-1]

    received, last = run(main())
    assert received < 500_000
    assert last == ("connection_lost", None)


def test_a_connection_may_be_closed_as_soon_as_it_is_made(run: Run, put_on: PutOn, pair: Pair) -> None:
    class Hasty(StreamRecorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.close()

    async def main() -> list[Any]:
        pair[1].send(b"never read")
        return list(await (await put_on(pair[0], Hasty())).log.until_lost())

    assert run(main()) == ["connection_made", ("connection_lost", None)]


@pytest.mark.parametrize("kind", [StreamRecorder, Into])
def test_a_reset_is_an_error_of_the_connection(
    run: Run, put_on: PutOn, new_pair: NewPair, kind: type[Any]
) -> None:
    async def main() -> BaseException:
        here, there = new_pair(socket.AF_INET)
        protocol = await put_on(here, kind())
        reset(there)
        (error,) = (await protocol.log.until_lost()).named("connection_lost")
        return error

    assert isinstance(run(main()), ConnectionResetError)


def test_writing_to_one_that_is_gone_is_an_error_of_the_connection(
    run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> BaseException:
        here, there = new_pair(buffer=4096)
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.pause_reading()
        protocol.transport.write(bytes(500_000))
        there.close()
        (error,) = (await protocol.log.until_lost()).named("connection_lost")
        return error

    assert isinstance(run(main()), (BrokenPipeError, ConnectionResetError))


def test_names_are_known_after_the_end(loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair) -> None:
    async def main() -> None:
        here, there = new_pair(socket.AF_INET)
        names = {"sockname": here.getsockname(), "peername": there.getsockname()}
        transport = (await put_on(here, StreamRecorder())).transport
        assert transport.get_extra_info("socket").fileno() == here.fileno()
        for moment in ("open", "closing", "closed"):
            for name, value in names.items():
                assert transport.get_extra_info(name) == value, moment
            transport.close() if moment == "open" else await turns(2)
        assert transport.get_extra_info("socket").fileno() == -1
        assert transport.get_extra_info("no such thing") is None
        assert "closed" in repr(transport)

    run(main())


def test_a_transport_describes_itself(run: Run, put_on: PutOn, new_pair: NewPair) -> None:
    async def main() -> list[str]:
        here, _ = new_pair(buffer=4096)
        transport = (await put_on(here, StreamRecorder())).transport
        idle = repr(transport)
        transport.pause_reading()
        transport.write(bytes(500_000))
        return [idle, repr(transport)]

    idle, busy = run(main())
    assert "read=polling write=<idle, bufsize=0>" in idle
    assert "read=idle write=<polling, bufsize=4" in busy


def test_callbacks_run_in_the_context_in_which_the_connection_was_made(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    who = contextvars.ContextVar("who", default="nobody")

    class Contextual(StreamRecorder):
        def _note_context(self, *_: Any) -> None:
            self.log.note("in", who.get())

        connection_made = data_received = eof_received = pause_writing = resume_writing = _note_context

        def connection_lost(self, exc: BaseException | None) -> None:
            self._note_context()
            self.log.note("connection_lost", exc)

    async def one(name: str) -> set[str]:
        who.set(name)
        here, there = new_pair(buffer=4096)
        protocol = Contextual()
        transport, _ = await loop.create_connection(lambda: protocol, sock=here)
        who.set("changed since")
        await loop.sock_sendall(there, b"data")
        await protocol.log.until(lambda log: len(log) > 1)
        contextvars.Context().run(transport.write, bytes(500_000))
        await receive(loop, there, 500_000)
        there.close()
        await protocol.log.until_lost()
        return set(protocol.log.named("in")) - {"nobody"}

    async def main() -> list[set[str]]:
        return await asyncio.gather(one("first"), one("second"))

    assert run(main()) == [{"first"}, {"second"}]


def test_a_transports_descriptor_is_nobody_elses(loop: Loop, run: Run, put_on: PutOn, pair: Pair) -> None:
    async def main() -> None:
        here, _ = pair
        transport = (await put_on(here, StreamRecorder())).transport
        fd = here.fileno()
        for use in (
            lambda: loop.add_reader(fd, print),
            lambda: loop.add_writer(here, print),
            lambda: loop.remove_reader(here),
            lambda: loop.remove_writer(fd),
        ):
            with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport <"):
                use()
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_recv(here, 10)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await put_on(here, StreamRecorder())
        transport.abort()
        await turns(2)
        assert not loop.remove_reader(fd)

    run(main())


def test_a_socket_that_coroutines_have_used_can_become_a_transport(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> bytes:
        here, there = new_pair(buffer=4096)
        await loop.sock_sendall(there, b"x")
        assert await loop.sock_recv(here, 1) == b"x"
        waiting = loop.create_task(loop.sock_recv(here, 1))
        sending = loop.create_task(loop.sock_sendall(here, bytes(100_000)))
        await turns(2)
        sending.cancel()
        await asyncio.wait([sending])
        with contextlib.suppress(BlockingIOError):
            while there.recv(100_000):
                pass
        protocol = await put_on(here, StreamRecorder())
        with pytest.raises(OSError) as caught:
            await waiting
        assert caught.value.errno == errno.EBADF
        await loop.sock_sendall(there, b"to the protocol")
        await protocol.log.until(all_of)
        protocol.transport.write(bytes(200_000))
        protocol.transport.close()
        assert len(await receive(loop, there, 300_000)) == 200_000
        return all_of(protocol.log)

    assert run(main()) == b"to the protocol"


def test_an_unclosed_transport_warns_and_closes_its_socket(pair: Pair) -> None:
    here, _ = pair
    loop = Loop()
    connection = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=here))
    loop.close()
    with pytest.warns(ResourceWarning, match="unclosed transport <"):
        del connection, loop
        gc.collect()
    assert here.fileno() == -1


def test_a_socket_closed_behind_its_transport_is_noticed_when_its_number_is_used_again(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair
) -> None:
    async def main() -> tuple[list[Any], bytes]:
        here, _ = new_pair()
        first = await put_on(here, StreamRecorder())
        number = here.fileno()
        here.close()
        again, there = socket.socketpair()
        assert again.fileno() == number
        with there:
            second = await put_on(again, StreamRecorder())
            await first.log.until_lost()
            there.send(b"mine")
            await second.log.until(all_of)
            return first.log.named("connection_lost"), all_of(second.log)

    (error,), data = run(main())
    assert error.errno == errno.EBADF
    assert data == b"mine"


@pytest.mark.parametrize("how", ["close", "abort", "pause_reading"])
def test_a_transport_whose_socket_was_closed_behind_it_ends_once(
    loop: Loop, run: Run, put_on: PutOn, new_pair: NewPair, how: str
) -> None:
    async def main() -> int:
        here, _ = new_pair(buffer=8192)
        protocol = await put_on(here, StreamRecorder())
        protocol.transport.write(bytes(500_000))
        here.close()
        getattr(protocol.transport, how)()
        protocol.transport.abort()
        await protocol.log.until_lost()
        await turns(2)
        return len(protocol.log.named("connection_lost"))

    assert run(main()) == 1
