"""Binding and accepting: what the kernel says, told by a socket that follows a script."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.contract import READ
from backends.scripted_backend import FakeClock, ScriptedBackend
from lab.loop import listening
from lab.loop.listening import Listener, SocketFile, bind_all, bind_unix
from lab.loop.loop import Loop
from tests.loop.conftest import run_turns

Reports = list[dict[str, Any]]


class ScriptedSocket(socket.socket):
    """A listening socket whose ``accept`` gives what it is told: "conn", or an error to raise."""

    def __init__(self, *script: str | OSError) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.script = list(script)

    def listen(self, backlog: int = 0) -> None:
        """There is nobody to hear."""

    def accept(self) -> tuple[socket.socket, Any]:
        if not self.script:
            raise BlockingIOError
        step = self.script.pop(0)
        if isinstance(step, OSError):
            raise step
        conn, peer = socket.socketpair()
        peer.close()
        return conn, step


class Door:
    """A listener on a scripted socket, and whom it let in."""

    def __init__(self, loop: Loop, *script: str | OSError, backlog: int = 100) -> None:
        self.sock = ScriptedSocket(*script)
        self.let_in: list[Any] = []
        self.listener = Listener(loop, self.sock, backlog, self.welcome)

    def welcome(self, conn: socket.socket, address: Any) -> None:
        assert conn.gettimeout() == 0
        conn.close()
        self.let_in.append(address)

    def knock(self, loop: Loop, backend: ScriptedBackend) -> None:
        """Let the kernel report the socket in one turn."""
        fd = self.sock.fileno()
        backend.tell(fd, READ)
        run_turns(loop)
        backend.tell(fd, 0)


@pytest.fixture
def doors() -> Iterator[list[Door]]:
    """What a test opens; closed at its end."""
    opened: list[Door] = []
    yield opened
    for door in opened:
        door.listener.close()


def test_one_report_accepts_all_that_came(
    fake_loop: Loop, scripted: ScriptedBackend, doors: list[Door]
) -> None:
    doors.append(door := Door(fake_loop, "a", "b", "c"))
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a", "b", "c"]


def test_one_report_accepts_a_backlog_at_most_and_the_rest_is_reported_again(
    fake_loop: Loop, scripted: ScriptedBackend, doors: list[Door]
) -> None:
    doors.append(door := Door(fake_loop, *"abcde", backlog=2))
    changes = fake_loop.counters()["interest_changes"]
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a", "b"]
    armed_again = fake_loop.counters()["interest_changes"] - changes
    assert armed_again == (scripted.trigger == "edge")
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a", "b", "c", "d"]


def test_a_backlog_of_zero_still_accepts(
    fake_loop: Loop, scripted: ScriptedBackend, doors: list[Door]
) -> None:
    doors.append(door := Door(fake_loop, "a", backlog=0))
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a"]


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM])
def test_a_connection_that_is_gone_already_is_passed_over(
    fake_loop: Loop, scripted: ScriptedBackend, doors: list[Door], number: int
) -> None:
    doors.append(door := Door(fake_loop, "a", OSError(number, "gone"), "b"))
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a", "b"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_out_of_descriptors_it_reports_once_rests_for_a_second_and_goes_on(
    fake_loop: Loop,
    scripted: ScriptedBackend,
    clock: FakeClock,
    doors: list[Door],
    reports: Reports,
    number: int,
) -> None:
    doors.append(door := Door(fake_loop, "a", OSError(number, "too many"), "b"))
    begin = clock()
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a"]
    assert [report["exception"].errno for report in reports] == [number]
    reports.clear()
    assert door.sock.fileno() not in scripted.interest, "a level-triggered backend would report it for ever"
    fake_loop.call_later(listening.REST, fake_loop.stop)
    fake_loop.run_forever()
    assert clock() == pytest.approx(begin + listening.REST)
    assert door.sock.fileno() in scripted.interest
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a", "b"]


def test_one_that_is_closed_while_it_rests_stays_closed(
    fake_loop: Loop, scripted: ScriptedBackend, doors: list[Door], reports: Reports
) -> None:
    doors.append(door := Door(fake_loop, OSError(errno.EMFILE, "too many")))
    door.knock(fake_loop, scripted)
    reports.clear()
    door.listener.close()
    before = dict(scripted.interest)
    fake_loop.call_later(2 * listening.REST, fake_loop.stop)
    fake_loop.run_forever()
    assert scripted.interest == before


def test_one_that_is_closed_while_it_accepts_accepts_no_more(
    fake_loop: Loop, scripted: ScriptedBackend, doors: list[Door]
) -> None:
    doors.append(door := Door(fake_loop, "a", "b"))
    welcome = door.welcome

    def and_close(conn: socket.socket, address: Any) -> None:
        welcome(conn, address)
        door.listener.close()

    door.listener._welcome = and_close
    door.knock(fake_loop, scripted)
    assert door.let_in == ["a"]


# -- binding ---------------------------------------------------------------------------------------------


def address_info(host: str, family: int = socket.AF_INET) -> tuple[Any, ...]:
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, 0))


def bound(*found: tuple[Any, ...], **options: Any) -> list[socket.socket]:
    settings = {"reuse_address": None, "reuse_port": None, "keep_alive": None, **options}
    return bind_all(found, **settings)


def test_an_address_that_is_not_here_is_left_out_and_one_that_comes_twice_is_bound_once() -> None:
    here, elsewhere = address_info("127.0.0.1"), address_info("192.0.2.1")
    (sock,) = bound(elsewhere, here, here)
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"
    with pytest.raises(OSError, match="could not bind on any address") as caught:
        bound(elsewhere)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_family_that_is_not_here_is_left_out() -> None:
    (sock,) = bound((9999, socket.SOCK_STREAM, 0, "", ("x", 0)), address_info("127.0.0.1"))
    sock.close()
    assert sock.fileno() == -1


def test_an_address_in_use_closes_what_was_bound_before() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = (*address_info("")[:4], taken.getsockname())
        with pytest.raises(
            OSError, match=r"attempting to bind on address .*: address already in use"
        ) as caught:
            bound(address_info("127.0.0.1"), wanted)
    assert caught.value.errno == errno.EADDRINUSE


def test_options_are_set_before_binding() -> None:
    (sock,) = bound(address_info("127.0.0.1"), keep_alive=True, reuse_port=hasattr(socket, "SO_REUSEPORT"))
    with sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    (sock,) = bound(address_info("127.0.0.1"), reuse_address=False)
    with sock:
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_where_ports_cannot_be_shared_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT", raising=False)
    with pytest.raises(ValueError, match="reuse_port not supported"):
        bound(address_info("127.0.0.1"), reuse_port=True)


def test_a_stale_unix_socket_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    bind_unix(path).close()
    bind_unix(path).close()
    other = tmp_path / "file"
    other.write_text("precious")
    with pytest.raises(OSError, match="is already in use") as caught:
        bind_unix(other)
    assert caught.value.errno == errno.EADDRINUSE
    assert other.read_text() == "precious"


def test_a_socket_file_is_removed_only_while_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with bind_unix(path) as first:
        file = SocketFile(first)
        path.rename(tmp_path / "kept, so that its inode is not used again")
        with bind_unix(path) as second:
            file.remove()
            assert path.exists()
            SocketFile(second).remove()
            assert not path.exists()
            SocketFile(second).remove()
    with socket.socket(socket.AF_UNIX) as unbound:
        SocketFile(unbound).remove()
