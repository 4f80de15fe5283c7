"""Programs that know nothing of this loop, run on every backend, and on asyncio's loop as the control.

What a test expects, asyncio does as well: the same test runs on it. A program leaves no task behind and
nothing for the exception handler.
"""

from __future__ import annotations

import asyncio
import functools
import random
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import trustme

from tests.backends.conftest import KERNEL_BACKENDS
from tests.loop.conftest import WITH_PYTHON_TASKS, in_time, new_loop

CONTROL = "asyncio"
MEGABYTE = random.Random(1).randbytes(1_000_000)
"""Nothing that compression makes small, and nothing that looks the same when it is shifted."""

RunProgram = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=(*KERNEL_BACKENDS, *WITH_PYTHON_TASKS, CONTROL))
def run_program(request: pytest.FixtureRequest) -> RunProgram:
    """Run a program's coroutine as ``asyncio.run`` does, and return its result."""
    control = request.param == CONTROL
    factory = asyncio.SelectorEventLoop if control else functools.partial(new_loop, request.param)
    return functools.partial(run_and_end_clean, factory)


def run_and_end_clean(
    factory: Callable[[], asyncio.AbstractEventLoop], main: Coroutine[Any, Any, Any]
) -> Any:
    reports: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=factory) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, report: reports.append(report))
        result = runner.run(in_time(main))
        assert asyncio.all_tasks(loop) == set(), "tasks left behind"
    assert reports == [], "unexpected reports"
    return result


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that takes connections already: nobody has to wait until the server is up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who issues the certificates here."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """A certificate for this machine."""
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client that trusts the authority, and nobody else, uses."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def address_of(listener: socket.socket) -> str:
    """``host:port``, as in a URL."""
    host, port = listener.getsockname()
    return f"{host}:{port}"
