"""TLS on a connection that began in the clear."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.certificates import Contexts, contexts
from tests.loop.streams.streaming import all_of, serving


@pytest.fixture(scope="module")
def tls() -> Contexts:
    return contexts()


def test_a_connection_that_began_in_the_clear_goes_on_in_tls(loop: Loop, run: Run, tls: Contexts) -> None:
    class Upgrading(StreamRecorder):
        """Answers a wish for TLS, and then speaks it."""

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if data == b"STARTTLS":
                self.transport.pause_reading()  # what comes next is for TLS
                self.upgrading = loop.create_task(self.upgrade())

        async def upgrade(self) -> None:
            self.transport.write(b"OK")
            secure = await loop.start_tls(self.transport, self, tls.server, server_side=True)
            await self.log.until(lambda log: all_of(log).endswith(b"secret"))
            secure.write(b"SECRET")

    async def main() -> bytes:
        async with serving(loop, Upgrading) as (_, address):
            transport, protocol = await loop.create_connection(StreamRecorder, *address)
            transport.write(b"STARTTLS")
            await protocol.log.until(lambda log: all_of(log) == b"OK")
            secure = await loop.start_tls(transport, protocol, tls.client, server_hostname="localhost")
            assert protocol.log.count("connection_made") == 1
            secure.write(b"secret")
            await protocol.log.until(lambda log: all_of(log) == b"OKSECRET")
            secure.close()
            await protocol.log.until_lost()
            return all_of(protocol.log)

    assert run(main()) == b"OKSECRET"


def test_an_upgrade_that_fails_closes_the_connection(loop: Loop, run: Run, tls: Contexts, pair: Pair) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_unix_connection(StreamRecorder, sock=pair[0])
        with pytest.raises(TypeError, match="SSLContext"):
            await loop.start_tls(transport, protocol, None)
        with pytest.raises(TypeError, match="not supported by start_tls"):
            await loop.start_tls(asyncio.Transport(), protocol, tls.client)
        await loop.sock_sendall(pair[1], b"not TLS at all")
        with pytest.raises(ssl.SSLError):
            await loop.start_tls(transport, protocol, tls.client, server_hostname="localhost")
        await turns(2)

    run(main())
    assert pair[0].fileno() == -1


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_connection_that_is_closed_before_the_handshake_ends_without_a_report(
    loop: Loop, run: Run, tls: Contexts, pair: Pair, end: str
) -> None:
    async def main() -> list[Any]:
        transport, protocol = await loop.create_unix_connection(StreamRecorder, sock=pair[0])
        getattr(transport, end)()
        assert await loop.start_tls(transport, protocol, tls.client, server_hostname="localhost") is None
        await protocol.log.until_lost()
        with pytest.raises(ConnectionResetError, match="TLS cannot start"):
            await loop.start_tls(transport, protocol, tls.client, server_hostname="localhost")
        return protocol.log

    assert run(main()) == ["connection_made", ("connection_lost", None)]


def test_who_aborts_on_the_last_data_has_closed_without_an_error(
    loop: Loop, run: Run, tls: Contexts, pair: Pair
) -> None:
    class Aborting(StreamRecorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.abort()

    async def main() -> list[Any]:
        (server, _), (client, protocol) = await asyncio.gather(
            loop.connect_accepted_socket(StreamRecorder, pair[1], ssl=tls.server),
            loop.create_unix_connection(Aborting, sock=pair[0], ssl=tls.client, server_hostname="localhost"),
        )
        client.pause_reading()
        server.write(b"last")
        await turns(5)
        client.resume_reading()
        client.close()
        await protocol.log.until_lost()
        server.abort()
        await turns(3)
        return protocol.log

    assert run(main()) == ["connection_made", ("data_received", b"last"), ("connection_lost", None)]


def test_tls_inside_of_tls_ends_for_both_sides(loop: Loop, run: Run, tls: Contexts, pair: Pair) -> None:
    """As a client has it that reaches an https server through an https proxy."""

    async def main() -> bytes:
        here, there = StreamRecorder(), StreamRecorder()
        server, client = await asyncio.gather(
            loop.connect_accepted_socket(lambda: there, pair[1], ssl=tls.server),
            loop.create_unix_connection(
                lambda: here, sock=pair[0], ssl=tls.client, server_hostname="localhost"
            ),
        )
        inner, _ = await asyncio.gather(
            loop.start_tls(server[0], there, tls.server, server_side=True),
            loop.start_tls(client[0], here, tls.client, server_hostname="localhost"),
        )
        inner.write(b"deep inside")
        await here.log.until(all_of)
        inner.close()
        await asyncio.gather(here.log.until_lost(), there.log.until_lost())
        return all_of(here.log)

    assert run(main()) == b"deep inside"
