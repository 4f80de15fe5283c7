"""How endpoints are made: options, refusals, descriptors that cannot be had or were taken away."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.contract import DescriptorLimitError
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, beside_asyncio, run_turns
from tests.loop.datagrams.conftest import endpoint, skip_without
from tests.loop.high_descriptors import moved_up
from tests.loop.recording import DatagramRecorder


def test_options_are_set_only_when_asked_for(any_tasks: Loop) -> None:
    def options(sock: Any) -> list[bool]:
        names = (socket.SO_REUSEADDR, socket.SO_REUSEPORT, socket.SO_BROADCAST)
        return [bool(sock.getsockopt(socket.SOL_SOCKET, each)) for each in names]

    async def main() -> None:
        loop = any_tasks
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as plain:
            assert options(plain.transport.get_extra_info("socket")) == [False, False, False]
        asked = {"reuse_port": True, "allow_broadcast": True}
        async with endpoint(loop, local_addr=("127.0.0.1", 0), **asked) as first:
            assert options(first.transport.get_extra_info("socket")) == [False, True, True]
            there = first.transport.get_extra_info("sockname")
            async with endpoint(loop, local_addr=there, reuse_port=True) as second:
                assert second.transport.get_extra_info("sockname") == there
            with pytest.raises(OSError, match="in use"):
                await loop.create_datagram_endpoint(DatagramRecorder, local_addr=there)

    any_tasks.run_until_complete(main())


def test_a_unix_socket_left_behind_makes_room(any_tasks: Loop, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
        stale.bind(path)

    async def main() -> None:
        async with endpoint(any_tasks, local_addr=path, family=socket.AF_UNIX) as protocol:
            assert protocol.transport.get_extra_info("sockname") == path

    any_tasks.run_until_complete(main())


REFUSED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a name instead of an address": {"local_addr": "localhost"},
    "four parts": {"local_addr": ("localhost", 1, 2, 3)},
    "two families": {"local_addr": ("::1", 0), "remote_addr": ("127.0.0.1", 9)},
    "bytes for a Unix path": {"local_addr": b"path", "family": socket.AF_UNIX},
    "an option that is gone": {"local_addr": ("127.0.0.1", 0), "reuse_address": True},
    "an address of no interface": {"local_addr": ("192.0.2.1", 0)},
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
def test_what_asyncio_refuses_is_refused_likewise(any_tasks: Loop, options: dict[str, Any]) -> None:
    skip_without("IPv6")

    async def program(loop: Any, log: list[Any]) -> None:
        try:
            await loop.create_datagram_endpoint(DatagramRecorder, **options)
        except (ValueError, TypeError, OSError) as error:
            text = str(error).rpartition("create_datagram_endpoint")[2]  # without the class's name
            log.append((type(error), getattr(error, "errno", None), text))

    ours: list[Any] = []
    any_tasks.run_until_complete(program(any_tasks, ours))
    assert ours == beside_asyncio(program)
    assert len(ours) == 1


@pytest.mark.parametrize(
    "option",
    [{"local_addr": ("127.0.0.1", 0)}, {"family": 2}, {"proto": 17}, {"reuse_port": True}],
    ids=lambda option: next(iter(option)),
)
def test_a_socket_comes_with_its_options_made(
    any_tasks: Loop, new_pair: Callable[..., Pair], option: dict[str, Any]
) -> None:
    datagram, stream = new_pair(kind=socket.SOCK_DGRAM)[0], new_pair()[0]
    make = any_tasks.create_datagram_endpoint
    with pytest.raises(ValueError, match=next(iter(option))):
        any_tasks.run_until_complete(make(DatagramRecorder, sock=datagram, **option))
    with pytest.raises(ValueError, match=r"(datagram socket|UDP Socket) was expected"):
        any_tasks.run_until_complete(make(DatagramRecorder, sock=stream))


def test_an_endpoint_that_nobody_closed_warns(any_tasks: Loop, new_pair: Callable[..., Pair]) -> None:
    ours, _ = new_pair(kind=socket.SOCK_DGRAM)
    transport, _ = any_tasks.run_until_complete(
        any_tasks.create_datagram_endpoint(asyncio.DatagramProtocol, sock=ours)
    )
    assert "open fd=" in repr(transport)
    any_tasks.close()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        del transport
        gc.collect()


def test_a_descriptor_too_high_for_the_backend_is_refused_and_closed() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as low:
        high = socket.socket(fileno=moved_up(low.detach()))
    with contextlib.closing(Loop("select")) as loop:
        making = loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=high)
        with pytest.raises(DescriptorLimitError):
            loop.run_until_complete(making)
        run_turns(loop, 2)
        assert high.fileno() == -1


def test_a_socket_closed_by_somebody_else_ends_the_endpoint_once_its_number_is_reused(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, _ = new_pair(kind=socket.SOCK_DGRAM)

    async def main() -> None:
        async with endpoint(loop, sock=ours) as old:
            number = ours.fileno()
            ours.close()
            left, right = socket.socketpair(type=socket.SOCK_DGRAM)
            assert number in (left.fileno(), right.fileno())
            with left, right:
                new, other = (left, right) if left.fileno() == number else (right, left)
                async with endpoint(loop, sock=new) as protocol:
                    other.send(b"for the new one")
                    assert await protocol.messages(1) == [b"for the new one"]
            await old.log.until_lost()
            assert old.log.named("connection_lost")[0].errno == errno.EBADF
            assert old.log.named("datagram_received") == []

    run(main())


def test_its_descriptor_is_nobody_elses(loop: Loop, run: Run, new_pair: Callable[..., Pair]) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM)

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            for _ in range(2):
                with pytest.raises(RuntimeError, match="is used by transport"):
                    loop.add_reader(ours, print)
                protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            theirs.send(b"x")
            assert await protocol.messages(1) == [b"x"]

    run(main())
