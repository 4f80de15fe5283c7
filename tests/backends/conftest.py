"""Every backend that this system can open, and descriptors that close themselves.

What cannot be opened here is named once, by test_contract.py, and not by every test.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import pytest

import backends
from backends.kqueue_backend import KqueueBackend
from backends.scripted_backend import FakeClock, ScriptedBackend
from tests.backends import fake_kqueue

KERNEL_BACKENDS = (
    *(name for name in backends.names() if backends.unavailable(name) is None),
    "kqueue on a fake",
)


def open_by_name(name: str) -> backends.Backend:
    if name == "kqueue on a fake":
        return KqueueBackend(kernel=fake_kqueue)
    if name == "scripted":
        return ScriptedBackend(FakeClock())
    return backends.open_backend(name)


@pytest.fixture(params=KERNEL_BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[backends.Backend]:
    """A backend that watches real descriptors."""
    with open_by_name(request.param) as opened:
        yield opened


@pytest.fixture(params=(*KERNEL_BACKENDS, "scripted"))
def any_backend(request: pytest.FixtureRequest) -> Iterator[backends.Backend]:
    """A backend, the fake included, which takes any descriptor for granted."""
    with open_by_name(request.param) as opened:
        yield opened


def close_quietly(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.close(fd)


@pytest.fixture
def new_pipe() -> Iterator[Callable[[], tuple[int, int]]]:
    """Make pipes: (read end, write end). The test may close either; what is open at the end is closed."""
    ends: list[int] = []

    def make() -> tuple[int, int]:
        pipe = os.pipe()
        ends.extend(pipe)
        return pipe

    yield make
    for fd in ends:
        close_quietly(fd)


@pytest.fixture
def pipe(new_pipe: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    return new_pipe()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right
