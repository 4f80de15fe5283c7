"""What transports hand to protocols is seen, whichever way it goes, and goes that way unchanged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.tracing import wording
from lab.tracing.recorder import Recorder
from tests.backends.conftest import KERNEL_BACKENDS
from tests.loop.streams.certificates import contexts
from tests.tracing.conftest import recorded

MESSAGE = b"over and out"


class Plain(asyncio.Protocol):
    """Keeps what came and which protocol its transport named meanwhile; done at the end of the stream."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.named: list[Any] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.came += data
        self.named.append(self.transport.get_protocol())

    def eof_received(self) -> None:
        self.named.append(self.transport.get_protocol())

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(error)


class Buffered(asyncio.BufferedProtocol, Plain):
    """The same with a buffer of its own."""

    def get_buffer(self, sizehint: int) -> bytearray:
        self.named.append(self.transport.get_protocol())
        self.buffer = bytearray(100)
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.buffer[:nbytes]))


def exchange(kind: Callable[[], Plain], tls: bool) -> tuple[Recorder, Plain]:
    """One message from a client, over TCP, to a protocol of the ``kind``, traced."""
    served: list[Plain] = []

    def factory() -> Plain:
        served.append(kind())
        return served[-1]

    async def program() -> None:
        loop = asyncio.get_running_loop()
        ssl = contexts() if tls else None
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=ssl and ssl.server)
        address = server.sockets[0].getsockname()
        name = {"ssl": ssl.client, "server_hostname": "localhost"} if ssl else {}
        _, writer = await asyncio.open_connection(*address, **name)
        writer.write(MESSAGE)
        writer.close()
        await writer.wait_closed()
        assert await served[0].ended is None
        server.close()
        await server.wait_closed()

    return recorded(program), served[0]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(("kind", "method"), [(Plain, "data_received"), (Buffered, "buffer_updated")])
def test_what_a_transport_hands_over_is_seen_with_its_size(kind: type[Plain], method: str, tls: bool) -> None:
    recorder, protocol = exchange(kind, tls)
    seen = [span for span in wording.deliveries(recorder) if span.name == f"{kind.__name__}.{method}"]
    assert [span.details["bytes"] for span in seen] == [len(MESSAGE)]
    assert [span.details.get("decrypted", False) for span in seen] == [tls]
    how = ", decrypted," if tls else ""
    assert wording.delivery(seen[0]).endswith(f": 12 bytes{how} to {kind.__name__}.{method}")
    assert protocol.came == MESSAGE


def test_what_comes_encrypted_is_seen_too_and_is_more() -> None:
    recorder, _ = exchange(Plain, tls=True)
    wrapped = [span for span in wording.deliveries(recorder) if span.name == "TlsProtocol.data_received"]
    (inside,) = [span for span in wording.deliveries(recorder) if span.name == "Plain.data_received"]
    around = [span for span in wrapped if span.begin_ns <= inside.begin_ns and inside.end_ns <= span.end_ns]
    assert len(around) == 1
    assert around[0].details["bytes"] > len(MESSAGE)
    assert around[0].details["fd"] == inside.details["fd"]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("kind", [Plain, Buffered])
def test_a_program_never_meets_a_stand_in(kind: type[Plain], tls: bool) -> None:
    _, protocol = exchange(kind, tls)
    assert protocol.named
    assert all(named is protocol for named in protocol.named)


@pytest.mark.parametrize("backend", KERNEL_BACKENDS)
def test_a_protocol_that_another_takes_over_from_gets_no_more(backend: str) -> None:
    class First(Buffered):
        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            self.next = Plain()
            self.next.connection_made(self.transport)
            self.transport.set_protocol(self.next)

    async def program() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            _, first = await asyncio.get_running_loop().create_connection(First, sock=ours)
            theirs.send(b"one")
            while not first.came:
                await asyncio.sleep(0)
            theirs.send(b"two")
            theirs.shutdown(socket.SHUT_WR)
            await first.next.ended
            assert (first.came, first.next.came) == (b"one", b"two")
            assert first.next.named == [first.next, first.next]
            first.ended.cancel()

    seen = wording.deliveries(recorded(program, backend))
    assert [(span.name, span.details["bytes"]) for span in seen] == [
        ("First.buffer_updated", 3),
        ("Plain.data_received", 3),
    ]


def test_an_error_of_a_buffered_protocol_is_reported_with_the_protocol_itself() -> None:
    reports: list[dict[str, Any]] = []

    class Failing(Buffered):
        def get_buffer(self, sizehint: int) -> bytearray:
            return bytearray()

    async def program() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, report: reports.append(report))
        ours, theirs = socket.socketpair()
        with theirs:
            _, protocol = await loop.create_connection(Failing, sock=ours)
            theirs.send(b"!")
            await protocol.ended
            assert [repr(report["protocol"]) for report in reports] == [repr(protocol)]

    recorded(program)
    assert "get_buffer() returned an empty buffer" in str(reports[0]["exception"])
