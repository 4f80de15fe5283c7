"""Servers from their first connection to their last, and what they refuse."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import resource
import socket
from typing import Any

import pytest

from lab.loop import servers
from lab.loop.loop import Loop
from lab.loop.sending import HIGH_WATER
from tests.loop.conftest import Run, in_time, turns
from tests.loop.recording import Log, StreamRecorder
from tests.loop.streams.streaming import Echo, connected, echoed, receive, reset, serving

Reports = list[dict[str, Any]]


class Flood(Echo):
    """Begins by sending more than the kernel takes."""

    SIZE = 20_000_000

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(bytes(self.SIZE))


def test_a_crowd_is_served_and_everybody_gets_their_own_bytes(loop: Loop, run: Run) -> None:
    async def client(address: Any, number: int) -> bool:
        with await connected(loop, address) as sock:
            data = number.to_bytes(4, "big") * 500
            return await echoed(loop, sock, data) == data

    async def main() -> list[bool]:
        async with serving(loop, Echo, backlog=300) as (_, address):
            return await asyncio.gather(*(client(address, number) for number in range(300)))

    assert run(main()) == [True] * 300
    assert Echo.open == 0


def test_nine_thousand_connections_are_served_at_once() -> None:
    crowd = 9000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 2 * crowd + 100:
        pytest.skip(f"a process may open {hard} descriptors here, and this takes {2 * crowd + 100}")

    async def main() -> int:
        async with serving(loop, Echo, backlog=1000) as (_, address):
            clients = [await connected(loop, address) for _ in range(crowd)]
            right = 0
            for number, sock in enumerate(clients):
                data = number.to_bytes(4, "big")
                right += await echoed(loop, sock, data) == data
                reset(sock)  # a polite end would keep its port for a minute
            return right

    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * crowd + 100, hard))
    try:
        with contextlib.closing(Loop()) as loop:
            if loop.backend.max_descriptor is not None:
                pytest.skip(f"{loop.backend.name} watches {loop.backend.max_descriptor} descriptors at most")
            assert loop.run_until_complete(in_time(main())) == crowd
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_server_starts_when_it_is_told_to(loop: Loop, run: Run) -> None:
    async def main() -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0, start_serving=False)
        address = server.sockets[0].getsockname()
        assert not server.is_serving()
        assert server.get_loop() is loop
        with pytest.raises(ConnectionRefusedError):
            await connected(loop, address)
        await server.start_serving()
        await server.start_serving()
        assert server.is_serving()
        with await connected(loop, address) as sock:
            assert await echoed(loop, sock, b"open") == b"open"
        server.close()
        server.close()
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await connected(loop, address)
        for start in (server.start_serving, server.serve_forever):
            with pytest.raises(RuntimeError, match="is closed"):
                await start()
        server.abort_clients()
        await server.wait_closed()

    run(main())


def test_serving_for_ever_ends_when_it_is_cancelled_and_closes_the_server(loop: Loop, run: Run) -> None:
    async def main() -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0, start_serving=False)
        serving_forever = loop.create_task(server.serve_forever())
        await turns(2)
        assert server.is_serving()
        with pytest.raises(RuntimeError, match="already being awaited"):
            await server.serve_forever()
        serving_forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving_forever
        assert server.sockets == ()

    run(main())


def test_closing_ends_serving_for_ever(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with await loop.create_server(Echo, "127.0.0.1", 0) as server:
            serving_forever = loop.create_task(server.serve_forever())
            await turns(2)
        with pytest.raises(asyncio.CancelledError):
            await serving_forever

    run(main())


@pytest.mark.parametrize("waits", [True, False])
def test_waiting_for_the_end_means_the_connections_too_where_this_python_says_so(
    loop: Loop, run: Run, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    monkeypatch.setattr(servers, "WAITS_FOR_CONNECTIONS", waits)

    async def main() -> list[bool]:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        early = loop.create_task(server.wait_closed())
        with await connected(loop, server.sockets[0].getsockname()) as sock:
            await echoed(loop, sock, b"x")
            server.close()
            late = loop.create_task(server.wait_closed())
            await turns(3)
            states = [early.done(), late.done()]
            assert await echoed(loop, sock, b"still served") == b"still served"
        await early
        await late
        return states

    assert run(main()) == [False, not waits]


@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_a_server_can_end_its_own_connections(loop: Loop, run: Run, end: str) -> None:
    async def main() -> list[bytes]:
        async with serving(loop, Echo) as (server, address), serving(loop, Echo) as (_, other_address):
            with (
                await connected(loop, address) as one,
                await connected(loop, address) as two,
                await connected(loop, other_address) as other,
            ):
                for sock in (one, two, other):
                    await echoed(loop, sock, b"x")
                getattr(server, end)()
                ends = [await loop.sock_recv(sock, 1) for sock in (one, two)]
                assert await echoed(loop, other, b"other server") == b"other server"
                return ends

    assert run(main()) == [b"", b""]


@pytest.mark.parametrize(("end", "all_arrives"), [("close_clients", True), ("abort_clients", False)])
def test_closing_the_clients_sends_what_is_queued_and_aborting_them_does_not(
    loop: Loop, run: Run, end: str, all_arrives: bool
) -> None:
    async def main() -> int:
        async with serving(loop, Flood) as (server, address):
            with await connected(loop, address) as sock:
                await receive(loop, sock, 1)
                getattr(server, end)()
                return 1 + len(await receive(loop, sock, Flood.SIZE))

    assert (run(main()) == Flood.SIZE) == all_arrives


def test_a_client_that_reads_slowly_delays_nobody_and_little_is_kept_for_it(loop: Loop, run: Run) -> None:
    class Obedient(Echo):
        """Sends on and on to one that asks for it, but not while it is told to pause."""

        most, paused = 0, False

        def pause_writing(self) -> None:
            Obedient.paused = True

        def data_received(self, data: bytes) -> None:
            if data != b"on and on":
                super().data_received(data)
                return
            while not Obedient.paused:
                self.transport.write(bytes(10_000))
                Obedient.most = max(Obedient.most, self.transport.get_write_buffer_size())

    async def main() -> int:
        async with serving(loop, Obedient) as (_, address):
            with await connected(loop, address) as slow, await connected(loop, address) as quick:
                await loop.sock_sendall(slow, b"on and on")
                await receive(loop, slow, 1)
                for number in range(50):
                    assert await echoed(loop, quick, b"%d" % number) == b"%d" % number
                return Obedient.most

    assert HIGH_WATER < run(main()) <= HIGH_WATER + 10_000


def test_a_factory_that_fails_costs_its_own_connection_and_is_reported(
    loop: Loop, run: Run, reports: Reports
) -> None:
    failures = iter([ZeroDivisionError("no protocol today"), None])

    def factory() -> Echo:
        failure = next(failures)
        if failure is not None:
            raise failure
        return Echo()

    async def main() -> bytes:
        async with serving(loop, factory) as (_, address):
            with await connected(loop, address) as sock:
                assert await loop.sock_recv(sock, 1) == b""
            with await connected(loop, address) as sock:
                return await echoed(loop, sock, b"next")

    assert run(main()) == b"next"
    assert [str(report["exception"]) for report in reports] == ["no protocol today"]
    reports.clear()


def test_connections_know_their_peers_and_send_small_writes_at_once(loop: Loop, run: Run) -> None:
    protocols: list[StreamRecorder] = []

    def factory() -> StreamRecorder:
        protocols.append(StreamRecorder())
        return protocols[-1]

    async def main() -> None:
        async with serving(loop, factory, keep_alive=True) as (_, address):
            with await connected(loop, address) as sock:
                await loop.sock_sendall(sock, b"x")
                await loop.create_task(until_connected())
                transport = protocols[0].transport
                assert transport.get_extra_info("peername") == sock.getsockname()
                assert transport.get_extra_info("sockname") == address
                accepted = transport.get_extra_info("socket")
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert accepted.family == socket.AF_INET

    async def until_connected() -> None:
        while not (protocols and protocols[0].data):
            await asyncio.sleep(0)

    run(main())


def test_each_connection_has_a_context_of_its_own_made_from_the_servers(loop: Loop, run: Run) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    log = Log()

    class Contextual(asyncio.Protocol):
        def __init__(self) -> None:
            log.note(who.get())
            who.set("connection")

        def data_received(self, data: bytes) -> None:
            log.note(who.get())

    async def main() -> None:
        who.set("server")
        async with serving(loop, Contextual) as (_, address):
            who.set("changed since")
            for count in (2, 4):
                with await connected(loop, address) as sock:
                    await loop.sock_sendall(sock, b"x")
                    await log.until(lambda log, count=count: len(log) == count)

    run(main())
    assert log == ["server", "connection"] * 2
