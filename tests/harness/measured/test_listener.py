"""Where a measured process listens."""

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from lab.harness.measured.listener import LONGEST_PATH, listen, socket_path


def test_a_wire_without_a_name_in_the_file_system_has_no_path() -> None:
    for wire in ("tcp", "tls", "udp"):
        with socket_path(wire) as path, listen(wire, path) as listener:
            assert path is None
            assert listener.getsockname()[0] == "127.0.0.1"
            assert not listener.getblocking()


def test_a_tcp_listener_is_known_as_tcp_so_that_asyncio_turns_nagles_algorithm_off() -> None:
    with listen("tcp", None) as listener:
        assert (listener.type, listener.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP)


def test_datagrams_need_no_listener_but_a_bound_socket() -> None:
    with listen("udp", None) as bound:
        assert (bound.type, bound.getblocking()) == (socket.SOCK_DGRAM, False)
        assert bound.getsockname()[1] > 0


def test_a_unix_socket_has_a_private_folder_that_goes_with_it() -> None:
    with socket_path("unix") as path:
        with listen("unix", path) as listener, socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            assert listener.getsockname() == path
            assert not listener.getblocking()
        folder = os.path.dirname(path)
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert not os.path.exists(folder)


def test_a_temporary_folder_too_deep_for_a_socket_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * LONGEST_PATH)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with socket_path("unix") as path:
        assert path.startswith("/tmp/muxlab-")
        assert len(os.fsencode(path)) <= LONGEST_PATH
