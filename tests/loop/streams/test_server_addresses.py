"""Where servers listen: several hosts, Unix sockets, sockets of their own."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from lab.loop import servers
from lab.loop.loop import Loop
from tests.loop.conftest import Run
from tests.loop.streams.streaming import Echo, connected, echoed


def test_several_hosts_are_several_sockets(loop: Loop, run: Run) -> None:
    async def main() -> list[str]:
        server = await loop.create_server(Echo, ["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0)
        try:
            return sorted(sock.getsockname()[0] for sock in server.sockets)
        finally:
            server.close()

    if socket.getaddrinfo("127.0.0.2", 0) and not has_address("127.0.0.2"):
        pytest.skip("this system has no 127.0.0.2")
    assert run(main()) == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused_as_by_sockets(loop: Loop, run: Run, port: int) -> None:
    with pytest.raises(OverflowError, match="port must be 0-65535"):
        run(loop.create_server(Echo, "127.0.0.1", port))
    with pytest.raises(OverflowError, match="port must be 0-65535"):
        run(loop.create_connection(Echo, "127.0.0.1", port))


def has_address(host: str) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((host, 9)) != errno.EADDRNOTAVAIL and sock.bind((host, 0)) is None


@pytest.mark.parametrize("cleanup", [None, True, False])
def test_unix_servers_remove_their_file_where_they_are_to(
    loop: Loop, run: Run, tmp_path: Path, cleanup: bool | None
) -> None:
    path = tmp_path / "socket"

    async def main() -> None:
        options = {} if cleanup is None else {"cleanup_socket": cleanup}
        async with await loop.create_unix_server(Echo, path, **options) as server:
            with await connected(loop, str(path), socket.AF_UNIX) as sock:
                assert await echoed(loop, sock, b"unix") == b"unix"
            server.abort_clients()

    run(main())
    removed = servers.REMOVES_SOCKET_FILE if cleanup is None else cleanup
    assert path.exists() is not removed


def test_a_server_takes_a_socket_that_is_bound_already(loop: Loop, run: Run) -> None:
    async def main() -> bytes:
        sock = socket.create_server(("127.0.0.1", 0))
        async with await loop.create_server(Echo, sock=sock) as server:
            with await connected(loop, sock.getsockname()) as client:
                data = await echoed(loop, client, b"own socket")
            server.abort_clients()
        assert sock.fileno() == -1
        return data

    assert run(main()) == b"own socket"
