"""Messages between endpoints: whole, of any size and family; errors of the network are told."""

from __future__ import annotations

import errno
import itertools
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run
from tests.loop.datagrams.conftest import endpoint, skip_without


def local_addresses(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    """For each family, the options of two endpoints with a local address."""
    return {
        "IPv4": [{"local_addr": ("127.0.0.1", 0)}] * 2,
        "IPv6": [{"local_addr": ("::1", 0)}] * 2,
        "Unix": [{"local_addr": str(tmp_path / each), "family": socket.AF_UNIX} for each in "ab"],
    }


@pytest.mark.parametrize("family", ["IPv4", "IPv6", "Unix"])
def test_two_endpoints_exchange_messages(loop: Loop, run: Run, tmp_path: Path, family: str) -> None:
    skip_without(family)
    first, second = local_addresses(tmp_path)[family]

    async def main() -> None:
        async with endpoint(loop, **first) as a, endpoint(loop, **second) as b:
            names = [each.transport.get_extra_info("sockname") for each in (a, b)]
            a.transport.sendto(b"ping", names[1])
            assert await b.messages(1) == [b"ping"]
            assert b.log[-1][2] == names[0]
            b.transport.sendto(b"pong", names[0])
            assert await a.messages(1) == [b"pong"]
            assert a.transport.get_extra_info("peername") is None

    run(main())


def test_a_connected_endpoint_knows_where_to_send(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as server:
            there = server.transport.get_extra_info("sockname")
            async with endpoint(loop, remote_addr=there) as client:
                client.transport.sendto(b"no address")
                client.transport.sendto(b"the same address", there)
                assert await server.messages(2) == [b"no address", b"the same address"]
                assert client.transport.get_extra_info("peername") == there
                with pytest.raises(ValueError, match="Invalid address"):
                    client.transport.sendto(b"another", ("127.0.0.1", 1))

    run(main())


def test_with_broadcast_the_remote_address_is_kept_but_not_connected(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as server:
            there = server.transport.get_extra_info("sockname")
            async with endpoint(loop, remote_addr=there, allow_broadcast=True) as client:
                assert client.transport.get_extra_info("peername") is None
                client.transport.sendto(b"hello")
                assert await server.messages(1) == [b"hello"]

    run(main())


GROUP = "239.255.77.77"
"""Of the addresses that stay on a site; here no message leaves the machine."""


def join(sock: Any) -> None:
    """Take and send the group's messages, on the loopback interface only."""
    loopback = socket.inet_aton("127.0.0.1")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + loopback)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)


def skip_without_multicast() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.settimeout(1)
        try:
            probe.bind((GROUP, 0))
            join(probe)
            probe.sendto(b"?", (GROUP, probe.getsockname()[1]))
            probe.recv(1)
        except OSError as error:
            pytest.skip(f"no multicast over loopback here: {error}")


def test_several_members_of_a_multicast_group_share_its_port(loop: Loop, run: Run) -> None:
    skip_without_multicast()

    async def main() -> None:
        options = {"reuse_port": True, "family": socket.AF_INET}
        async with endpoint(loop, local_addr=(GROUP, 0), **options) as first:
            port = first.transport.get_extra_info("sockname")[1]
            async with endpoint(loop, local_addr=(GROUP, port), **options) as second:
                for member in (first, second):
                    join(member.transport.get_extra_info("socket"))
                first.transport.sendto(b"to all", (GROUP, port))
                second.transport.sendto(b"and back", (GROUP, port))
                for member in (first, second):
                    assert await member.messages(2) == [b"to all", b"and back"]

    run(main())


@pytest.mark.parametrize("size", [0, 1, 1472, 65507])
def test_a_message_of_any_size_arrives_whole(loop: Loop, run: Run, size: int) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as server:
            sock = server.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
            async with endpoint(loop, remote_addr=sock.getsockname()) as client:
                client.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18
                )
                client.transport.sendto(bytes(size))
                client.transport.sendto(b"next")
                assert await server.messages(2) == [bytes(size), b"next"]

    run(main())


def test_a_unix_message_may_be_larger_than_any_of_ip(
    loop: Loop, run: Run, new_pair: Callable[..., Pair]
) -> None:
    ours, theirs = new_pair(kind=socket.SOCK_DGRAM, buffer=1 << 18)
    message = bytes(range(256)) * 400

    async def main() -> None:
        async with endpoint(loop, sock=ours) as protocol:
            theirs.send(message)
            assert await protocol.messages(1) == [message]

    run(main())


def test_errors_of_the_network_are_told_and_the_endpoint_lives_on(loop: Loop, run: Run) -> None:
    async def main() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            there = nobody.getsockname()
        async with endpoint(loop, remote_addr=there) as client:
            client.transport.sendto(b"anybody?")
            await client.log.until(lambda log: log.named("error_received"))
            assert isinstance(client.log.named("error_received")[0], ConnectionRefusedError)
            async with endpoint(loop, local_addr=there) as server:
                client.transport.sendto(b"hello")
                assert await server.messages(1) == [b"hello"]

    run(main())


def test_a_message_that_is_too_long_is_an_error_of_the_network(loop: Loop, run: Run) -> None:
    async def main() -> None:
        async with endpoint(loop, local_addr=("127.0.0.1", 0)) as protocol:
            protocol.transport.sendto(bytes(70_000), protocol.transport.get_extra_info("sockname"))
            assert [each.errno for each in protocol.log.named("error_received")] == [errno.EMSGSIZE]

    run(main())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="how glibc's allocator behaves")
def test_small_messages_cost_no_page_faults(any_tasks: Loop, new_pair: Callable[..., Pair]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:

        async def main() -> list[int]:
            """The faults of each hundred messages; what else runs in the process may disturb one of them."""
            async with endpoint(any_tasks, local_addr=("127.0.0.1", 0)) as protocol:
                sender.connect(protocol.transport.get_extra_info("sockname"))
                faults = []
                for count in range(1, 502):
                    if count % 100 == 1:
                        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
                    sender.send(b"small")
                    await protocol.messages(count)
                return [after - before for before, after in itertools.pairwise(faults)]

        assert min(any_tasks.run_until_complete(main())) < 33
