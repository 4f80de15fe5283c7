"""The bare readiness call: the same four verbs on every mechanism."""

import select
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from lab.workloads.readiness import READ, WRITE, KqueueReadiness, PollReadiness, Readiness, open_readiness
from tests.backends import fake_kqueue


@pytest.fixture
def opened(mechanism: Callable[[], Readiness]) -> Iterator[Readiness]:
    held = mechanism()
    yield held
    held.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_can_be_read_is_reported_while_it_lasts(opened: Readiness, pair: tuple) -> None:
    ours, theirs = pair
    opened.register(ours.fileno(), READ)
    theirs.send(b"x")
    assert opened.poll() == [(ours.fileno(), READ)]
    assert opened.poll() == [(ours.fileno(), READ)]


def test_a_changed_mask_replaces_the_one_before(opened: Readiness, pair: tuple) -> None:
    ours, theirs = pair
    opened.register(ours.fileno(), READ)
    theirs.send(b"x")
    opened.modify(ours.fileno(), WRITE)
    assert opened.poll() == [(ours.fileno(), WRITE)]
    opened.modify(ours.fileno(), READ | WRITE)
    found = 0
    for fd, mask in opened.poll():
        assert fd == ours.fileno()
        found |= mask
    assert found == READ | WRITE


def test_what_is_unregistered_is_reported_no_more(opened: Readiness, pair: tuple) -> None:
    ours, theirs = pair
    opened.register(ours.fileno(), WRITE)
    opened.register(theirs.fileno(), WRITE)
    opened.unregister(ours.fileno())
    assert opened.poll() == [(theirs.fileno(), WRITE)]


@pytest.mark.parametrize("timeout_s", [0, 0.001])
def test_a_wait_may_end_without_anything_ready(opened: Readiness, pair: tuple, timeout_s: float) -> None:
    ours, theirs = pair
    opened.register(ours.fileno(), READ)
    assert opened.poll(timeout_s) == []
    theirs.send(b"x")
    assert opened.poll(timeout_s) == [(ours.fileno(), READ)]


def test_the_best_mechanism_of_the_system_is_opened() -> None:
    held = open_readiness()
    held.close()
    assert isinstance(held, getattr(select, "epoll", (KqueueReadiness, PollReadiness)))


@pytest.mark.parametrize(
    ("kernel", "expected"), [(fake_kqueue, KqueueReadiness), (SimpleNamespace(), PollReadiness)]
)
def test_the_next_best_stands_in_where_there_is_no_epoll(kernel: object, expected: type) -> None:
    held = open_readiness(kernel)
    held.close()
    assert isinstance(held, expected)
