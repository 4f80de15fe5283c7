"""The load's engine against servers by hand: what it accepts, and what it refuses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.harness.load.asking_clients import AskingClients
from lab.harness.load.clients import ROTATION, ReplyError, distinct_payloads
from lab.harness.load.verified_connections import spread
from lab.harness.measured.listener import listen, socket_path
from lab.workloads.clients import Asking
from lab.workloads.contract import Wire
from lab.workloads.tls import server_context


def echo(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def reverse(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data[::-1])


def double(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data + data)


def hang_up(connection: socket.socket) -> None:
    connection.recv(1 << 16)


def echo_in_pieces(connection: socket.socket) -> None:
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(100):
        connection.sendall(data[:1])
        connection.sendall(data[1:])


@contextmanager
def clients_of(
    serve: Callable[[socket.socket], None], connections: int, size: int, wire: Wire = "tcp"
) -> Iterator[AskingClients]:
    """Clients of a server with one thread a connection, which all end when the clients close."""
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                if wire == "tls":
                    connection = server_context().wrap_socket(connection, server_side=True)
                serve(connection)
            except ConnectionError:
                return  # the clients close by a reset
            finally:
                connection.close()

    def accept() -> None:
        for _ in range(connections):
            connection, _address = listener.accept()
            threads.append(threading.Thread(target=handle, args=(connection,)))
            threads[-1].start()

    with socket_path(wire) as path, listen(wire, path) as listener:
        listener.setblocking(True)
        accepting = threading.Thread(target=accept)
        accepting.start()
        clients = AskingClients(listener.getsockname(), wire, Asking(connections, connections, size), seed=1)
        try:
            yield clients
        finally:
            clients.close()
            accepting.join()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("serve", [echo, echo_in_pieces])
@pytest.mark.parametrize("size", [1, 1000, 300_001])
@pytest.mark.parametrize("wire", ["tcp", "unix", "tls"])
def test_echoes_come_back_and_are_counted(
    serve: Callable[[socket.socket], None], size: int, wire: Wire
) -> None:
    with clients_of(serve, 3, size, wire) as clients:
        fds = clients.connect()
        exchanged = clients.exchange(fds, 0.0)
        clients.check_silence()
    assert len(fds) == exchanged.operations == 3
    assert exchanged.elapsed_ns > 0
    assert all(0 < each <= exchanged.elapsed_ns for each in clients.latencies_ns[:3])


def test_an_exchange_over_some_connections_leaves_the_others_alone() -> None:
    with clients_of(echo, 4, 10) as clients:
        fds = clients.connect()
        assert clients.exchange(fds[1:3], 0.0).operations == 2


def test_the_array_of_latencies_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.harness.load.clients.CHUNK", 2)
    with clients_of(echo, 5, 10) as clients:
        assert clients.exchange(clients.connect(), 0.0).operations == 5
    assert all(each > 0 for each in clients.latencies_ns[:5])


def test_an_echo_that_is_not_what_was_sent_names_the_first_wrong_byte() -> None:
    with (
        clients_of(reverse, 1, 1000) as clients,
        pytest.raises(ReplyError, match=r"connection 0 of 1: expected its 1,000 bytes .* byte 0 came as"),
    ):
        clients.connect()


@pytest.mark.parametrize("wire", ["tcp", "unix", "tls"])
def test_connecting_goes_batch_by_batch(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    monkeypatch.setattr("lab.harness.load.verified_connections.CONNECT_BATCH", 2)
    with clients_of(echo, 5, 10, wire) as clients:
        assert [clients.connect_some() for _ in range(4)] == [2, 2, 1, 0]
        assert len(clients.connect()) == 5


@pytest.mark.parametrize("wire", ["tcp", "tls"])
def test_more_than_was_asked_for_is_refused(wire: Wire) -> None:
    with (
        clients_of(double, 1, 1000, wire) as clients,
        pytest.raises(ReplyError, match=r"unchanged|nobody asked for"),
    ):
        fds = clients.connect()
        clients.exchange(fds, 0.0)


def test_a_connection_closed_by_the_server_is_refused() -> None:
    with clients_of(hang_up, 1, 1000) as clients, pytest.raises((ReplyError, ConnectionResetError)):
        clients.connect()


def test_a_byte_too_many_is_noticed_although_the_next_reply_comes_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def one_too_many(connection: socket.socket) -> None:
        connection.sendall(connection.recv(10) + b"!")
        request = connection.recv(10)
        taken.wait()
        connection.sendall(request)
        connection.recv(10)

    taken = threading.Event()
    with clients_of(one_too_many, 1, 10) as clients:
        fds = clients.connect()
        complete = clients.connections.complete

        def tell(fd: int, received: int | None) -> bool:
            whole = complete(fd, received)
            taken.set()
            return whole

        monkeypatch.setattr(clients.connections, "complete", tell)
        with pytest.raises(ReplyError, match="got 1 bytes that nobody asked for"):
            clients.exchange(fds, 0.0)


@pytest.mark.parametrize("wire", ["tcp", "unix", "tls"])
def test_silence_is_broken_by_an_unasked_byte(wire: Wire) -> None:
    def talkative(connection: socket.socket) -> None:
        connection.sendall(connection.recv(10))
        connection.sendall(b"more")
        told.set()
        connection.recv(10)

    told = threading.Event()
    with clients_of(talkative, 1, 10, wire) as clients:
        clients.connect()
        told.wait()
        with pytest.raises(ReplyError, match="expected silence, got 4 bytes that nobody asked for"):
            clients.check_silence()


def test_payloads_differ_between_connections_and_turns_and_repeat_by_seed() -> None:
    payloads = distinct_payloads(50, 64, seed=3)
    assert len(set(payloads)) == 50 * ROTATION
    assert {len(payload) for payload in payloads} == {64}
    assert distinct_payloads(50, 64, seed=3) == payloads
    assert distinct_payloads(50, 64, seed=4) != payloads


def test_payloads_of_many_large_messages_stay_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.harness.load.clients.PAYLOAD_BUDGET_BYTES", 8 * ROTATION * 100)
    assert len(set(distinct_payloads(50, 100, seed=3))) == 8 * ROTATION


def test_busy_connections_are_spread_among_the_idle_ones() -> None:
    assert spread(list(range(100, 110)), 5) == [100, 102, 104, 106, 108]
    assert spread([7, 8, 9], 3) == [7, 8, 9]
