"""What a change of the interest set and a wait cost, by the number of registered descriptors.

One descriptor is ready in every wait. The others are duplicates of a pipe's read end that stays empty: to the
mechanisms they are descriptors like any other, and 10,000 of them are cheap. `make microbench` measures;
without ``--benchmark-enable`` each case but the largest runs once and checks its result.
"""

import contextlib
import os
import resource
from collections.abc import Iterator, Sequence

import pytest

import backends
from backends import BOTH, READ, Backend, Event

COUNTS = (10, 100, 1_000, 10_000)
ONCE = COUNTS[:-1]
"""Where nothing is measured: opening ten thousand takes longer than all else here."""
SPARE = 64
"""Descriptors that the process itself and the test's own pipes need."""


@pytest.fixture
def descriptor_limit() -> Iterator[int]:
    """Raise the soft limit as far as it goes for the time of the test; the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(COUNTS) + SPARE if hard == resource.RLIM_INFINITY else min(hard, max(COUNTS) + SPARE)
    raised = soft if soft == resource.RLIM_INFINITY else max(soft, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    yield wanted if raised == resource.RLIM_INFINITY else raised
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(params=backends.names())
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if reason := backends.unavailable(request.param):
        pytest.skip(f"{request.param}: {reason}")
    with backends.open_backend(request.param) as opened:
        yield opened


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "crowd" in metafunc.fixturenames:
        measured = metafunc.config.getoption("benchmark_enable")
        metafunc.parametrize("crowd", COUNTS if measured else ONCE, indirect=True)


@pytest.fixture
def crowd(request: pytest.FixtureRequest, backend: Backend, descriptor_limit: int) -> Iterator[list[int]]:
    """The registered descriptors, idle all of them but the last, which is readable."""
    count = request.param
    if count > descriptor_limit - SPARE:
        pytest.skip(f"{count:,} descriptors, and this process may have {descriptor_limit:,} open")
    with contextlib.ExitStack() as closing:
        descriptors = open_crowd(count, closing)
        highest = backend.max_descriptor
        if highest is not None and max(descriptors) > highest:
            pytest.skip(f"{backend.name}: {count:,} descriptors, and {highest:,} is the highest it can watch")
        for fd in descriptors:
            backend.register(fd, READ)
        yield descriptors


def open_crowd(count: int, closing: contextlib.ExitStack) -> list[int]:
    """Return ``count`` descriptors, the last one readable; ``closing`` gets to close all of them."""

    def kept(fd: int) -> int:
        closing.callback(os.close, fd)
        return fd

    idle, _ = map(kept, os.pipe())
    ready, ready_writer = map(kept, os.pipe())
    os.write(ready_writer, b"x")
    return [*(kept(os.dup(idle)) for _ in range(count - 2)), idle, ready]


@pytest.mark.benchmark(group="wait: one ready")
def test_waiting_with_one_ready(benchmark, backend: Backend, crowd: list[int]) -> None:
    """Edge-triggered, the price includes the modify that makes it ready again."""

    def wait() -> Sequence[Event]:
        if backend.trigger == "edge":
            backend.modify(crowd[-1], READ)
        return backend.wait(None)

    assert list(benchmark(wait)) == [(crowd[-1], READ)]


@pytest.mark.benchmark(group="modify, then wait")
def test_modifying_and_waiting(benchmark, backend: Backend, crowd: list[int]) -> None:
    """The wait belongs to the price: poll and select rebuild their arrays in the first one after a change."""

    def change_and_wait() -> Sequence[Event]:
        backend.modify(crowd[-1], BOTH)
        backend.modify(crowd[-1], READ)
        return backend.wait(None)

    assert list(benchmark(change_and_wait)) == [(crowd[-1], READ)]


@pytest.mark.benchmark(group="unregister and register")
def test_unregistering_and_registering(benchmark, backend: Backend, crowd: list[int]) -> None:
    def replace() -> None:
        backend.unregister(crowd[0])
        backend.register(crowd[0], READ)

    benchmark(replace)
    assert dict(backend.interest) == dict.fromkeys(crowd, READ)
