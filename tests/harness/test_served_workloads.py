"""Every served workload on a loop of each kind: the server in a copy of this process.

A copy is there at once, where a process that is started takes longer than all that is tried on it. Samples in
processes of their own, with every subject, are in `test_sampling.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from lab.harness import subjects
from lab.harness.load.client_kinds import open_clients
from lab.harness.measured.listener import listen, socket_path
from lab.workloads.contract import ServedWorkload, Values
from lab.workloads.registry import WORKLOADS
from tests.harness.small_scenarios import small_scenario

# Since 3.12 Python warns of copying a process with threads. pytest-xdist has one, which waits for orders.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

SERVED = {name: work for name, work in WORKLOADS.items() if isinstance(work, ServedWorkload)}
LOOPS = ("asyncio", "uvloop", "epoll" if subjects.unavailable("epoll") is None else "poll")


@pytest.mark.parametrize("subject", LOOPS)
@pytest.mark.parametrize("name", SERVED)
def test_a_served_workload_does_verified_work_on_every_kind_of_loop(name: str, subject: str) -> None:
    assert verified_operations(subject, SERVED[name], small_scenario(name).parameters) >= 1


@pytest.mark.parametrize("name", [name for name in SERVED if name.startswith("echo-")])
def test_messages_larger_than_socket_buffers_come_back_whole(name: str) -> None:
    values = SERVED[name].scenario(connections=2, size=3_000_001).parameters
    assert verified_operations("asyncio", SERVED[name], values) >= 2


def verified_operations(subject: str, work: ServedWorkload, values: Values) -> int:
    """How many operations the load's clients did, and checked, with a server on ``subject``."""
    if reason := subjects.unavailable(subject):
        pytest.skip(f"{subject}: {reason}")
    with (
        socket_path(work.wire) as path,
        served(subject, work, path) as address,
        closing(open_clients(work.clients(values), address, work.wire, seed=1)) as clients,
    ):
        while clients.connect_some():
            pass
        operations = clients.run(0.0).operations
        clients.check_silence()
    return operations


@contextmanager
def served(subject: str, work: ServedWorkload, path: str | None) -> Iterator[tuple[str, int] | str]:
    """The address of a server in a process that is killed at the end of the block, as the harness does."""
    with listen(work.wire, path) as listener:
        address = listener.getsockname()
        server = os.fork()
        if not server:
            serve(subject, work, listener)
    try:
        yield address
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


def serve(subject: str, work: ServedWorkload, listener: socket.socket) -> None:
    """What the copied process does. It never returns: nothing of the test's own may be cleared up in it."""
    try:
        with asyncio.Runner(loop_factory=subjects.factory(subject)) as runner:
            runner.run(work.serve(listener))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
