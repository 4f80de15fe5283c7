"""TLS by hand, against the standard library's own sockets and against itself."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from lab.workloads.tls import CIPHERTEXT_BYTES, SERVER_NAME, TlsSocket, client_context, server_context

LARGE = bytes(range(256)) * 8_000
"""More than a socket buffers."""


@contextmanager
def pair() -> Iterator[tuple[TlsSocket, ssl.SSLSocket]]:
    """A client by hand, not blocking, and the standard library's server that it shook hands with."""
    ours, theirs = socket.socketpair()
    peers: list[ssl.SSLSocket] = []

    def accept() -> None:
        peers.append(server_context().wrap_socket(theirs, server_side=True))

    accepting = threading.Thread(target=accept)
    accepting.start()
    client = TlsSocket.connected(ours)
    accepting.join()
    client.setblocking(False)
    with peers[0]:
        try:
            yield client, peers[0]
        finally:
            client.close()


def take_tickets(client: TlsSocket) -> None:
    """Read what a server sends by itself after the handshake: TLS 1.3 has session tickets there."""
    assert client.recv_into(bytearray(1)) is None


def received(client: TlsSocket) -> bytes | None:
    """All that has come, as `TlsSocket.recv_into` tells it."""
    buffer = bytearray(2 * CIPHERTEXT_BYTES)
    count = client.recv_into(buffer)
    return None if count is None else bytes(buffer[:count])


def test_what_is_sent_comes_out_at_the_other_end_and_back() -> None:
    with pair() as (client, server):
        take_tickets(client)
        assert client.send(b"there") == 5
        assert server.recv(100) == b"there"
        server.sendall(b"and back")
        assert received(client) == b"and back"


def test_a_buffer_is_filled_from_as_many_records_as_it_takes() -> None:
    with pair() as (client, server):
        take_tickets(client)
        server.sendall(b"one ")
        server.sendall(b"two ")
        server.sendall(b"three")
        buffer = bytearray(8)
        assert client.recv_into(buffer) == 8
        assert buffer == b"one two "
        assert client.recv_into(buffer) == 5, "what was left from before, though nothing new has come"
        assert buffer[:5] == b"three"
        with pytest.raises(BlockingIOError):
            client.recv_into(buffer)


def test_a_part_of_a_record_is_no_data_yet() -> None:
    # The server hands over its records by hand, in halves.
    ours, theirs = socket.socketpair()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context().wrap_bio(incoming, outgoing, server_side=True)
    clients: list[TlsSocket] = []
    connecting = threading.Thread(target=lambda: clients.append(TlsSocket.connected(ours)))
    connecting.start()
    with ours, theirs:
        for _flight in range(2):
            incoming.write(theirs.recv(CIPHERTEXT_BYTES))
            with suppress(ssl.SSLWantReadError):
                server.do_handshake()
            theirs.sendall(outgoing.read())
        connecting.join()
        take_tickets(clients[0])
        server.write(b"in halves")
        record = outgoing.read()
        theirs.sendall(record[:20])
        assert received(clients[0]) is None
        theirs.sendall(record[20:])
        assert received(clients[0]) == b"in halves"


def test_a_message_that_does_not_fit_counts_when_all_of_it_is_out() -> None:
    with pair() as (client, server):
        assert client.send(LARGE) == 0
        received = bytearray()
        sent = 0
        while not sent:
            received += server.recv(1 << 16)
            try:
                sent = client.send(LARGE)
            except BlockingIOError:
                continue
        assert sent == len(LARGE)
        while len(received) < len(LARGE):
            received += server.recv(1 << 16)
        assert received == LARGE


def test_the_end_of_the_stream_is_empty() -> None:
    with pair() as (client, server):
        take_tickets(client)
        server.shutdown(socket.SHUT_RDWR)
        assert received(client) == b""
        assert client.recv_into(bytearray(9)) == 0


def test_a_client_refuses_a_server_that_hangs_up_in_the_handshake() -> None:
    ours, theirs = socket.socketpair()
    theirs.shutdown(socket.SHUT_WR)
    with ours, theirs, pytest.raises(ConnectionResetError, match="during the TLS handshake"):
        TlsSocket.connected(ours)


def test_a_client_trusts_the_loopback_certificate_and_no_other() -> None:
    context = client_context()
    (trusted,) = context.get_ca_certs()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert ("DNS", SERVER_NAME) in trusted["subjectAltName"]


def test_the_certificate_outlives_every_machine_that_this_may_run_on() -> None:
    (certificate,) = client_context().get_ca_certs()
    begins, ends = (
        datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate[name]), UTC)
        for name in ("notBefore", "notAfter")
    )
    assert (begins.year, ends.year) == (2020, 2100)
