"""What is special to kqueue: two filters a descriptor, EV_EOF, errors of changes; on the fake everywhere."""

import contextlib
import errno
import os
import select
import socket
from types import SimpleNamespace

import pytest

from backends import BOTH, ERROR, READ, WRITE, BackendUnavailableError, kqueue_backend
from backends.kqueue_backend import KqueueBackend
from tests.backends import fake_kqueue
from tests.backends.fake_kqueue import KQ_EV_EOF, KQ_EV_ERROR, KQ_FILTER_READ, KQ_FILTER_WRITE, kevent


@pytest.fixture(params=["fake", "real"])
def backend(request):
    if request.param == "real" and not hasattr(select, "kqueue"):
        pytest.skip("kqueue exists on macOS and BSD only")
    with KqueueBackend(kernel=fake_kqueue if request.param == "fake" else select) as opened:
        yield opened


def playing(*events):
    """Return a kernel whose queue reports ``events``, and the list of calls that it records."""
    calls = []

    def control(*arguments):
        calls.append(arguments)
        return list(events)

    queue = SimpleNamespace(control=control, close=lambda: None)
    return SimpleNamespace(**{**vars(fake_kqueue), "kqueue": lambda: queue}), calls


def test_a_system_without_kqueue_says_so():
    with pytest.raises(BackendUnavailableError, match="epoll on Linux"):
        KqueueBackend(kernel=SimpleNamespace())


def test_seconds_are_passed_on_as_they_are_with_room_for_events():
    kernel, calls = playing()
    with KqueueBackend(kernel) as backend:
        for timeout in (None, 0, 0.0000001):
            assert backend.wait(timeout) == []
    assert [(changes, timeout) for changes, _, timeout in calls] == [
        (None, None),
        (None, 0),
        (None, 0.0000001),
    ]
    assert all(room > 0 for _, room, _ in calls)


@pytest.mark.parametrize(
    ("events", "merged"),
    [
        ([kevent(5, KQ_FILTER_READ, 0)], [(5, READ)]),
        ([kevent(5, KQ_FILTER_WRITE, 0)], [(5, WRITE)]),
        (
            [kevent(5, KQ_FILTER_READ, 0), kevent(6, KQ_FILTER_READ, 0), kevent(5, KQ_FILTER_WRITE, 0)],
            [(5, BOTH), (6, READ)],
        ),
        ([kevent(5, KQ_FILTER_READ, KQ_EV_EOF)], [(5, READ)]),
        ([kevent(5, KQ_FILTER_WRITE, KQ_EV_EOF)], [(5, WRITE)]),
        (
            [kevent(5, KQ_FILTER_READ, KQ_EV_EOF, errno.ECONNRESET)],
            [(5, READ | ERROR)],
        ),
        ([kevent(5, KQ_FILTER_WRITE, KQ_EV_EOF, errno.ECONNREFUSED)], [(5, WRITE | ERROR)]),
        ([kevent(5, KQ_FILTER_WRITE, KQ_EV_ERROR, 0, errno.EBADF)], [(5, WRITE | ERROR)]),
    ],
)
def test_events_become_one_mask_a_descriptor(events, merged):
    kernel, _ = playing(*events)
    with KqueueBackend(kernel) as backend:
        assert backend.wait(0) == merged


def test_a_half_closed_peer_leaves_the_writer_alone(backend, sockets):
    left, right = sockets
    with contextlib.suppress(BlockingIOError):
        while True:
            left.send(bytes(1 << 16))
    backend.register(left.fileno(), BOTH)
    right.shutdown(socket.SHUT_WR)
    assert backend.wait(None) == [(left.fileno(), READ)]


def test_registering_a_closed_descriptor_raises_and_leaves_nothing(backend, pipe):
    os.close(pipe[0])
    with pytest.raises(OSError) as caught:
        backend.register(pipe[0], BOTH)
    assert caught.value.errno == errno.EBADF
    assert dict(backend.interest) == {}


def test_a_registration_whose_second_filter_fails_takes_the_first_one_back(pipe):
    class OneWayQueue(fake_kqueue.kqueue):
        def _change(self, change):
            adds_write = change.filter == KQ_FILTER_WRITE and change.flags == fake_kqueue.KQ_EV_ADD
            return errno.EPIPE if adds_write else super()._change(change)

    kernel = SimpleNamespace(**{**vars(fake_kqueue), "kqueue": OneWayQueue})
    with KqueueBackend(kernel) as backend:
        os.write(pipe[1], b"x")
        with pytest.raises(BrokenPipeError):
            backend.register(pipe[0], BOTH)
        assert backend.wait(0) == []
        backend.register(pipe[0], READ)
        with pytest.raises(BrokenPipeError):
            backend.modify(pipe[0], BOTH)
        assert dict(backend.interest) == {pipe[0]: READ}
        assert backend.wait(0) == [(pipe[0], READ)]


def test_modify_on_a_reused_number_watches_the_new_file_whole(backend, sockets, new_pipe):
    number, _ = new_pipe()
    left, right = sockets
    backend.register(number, READ)
    os.dup2(left.fileno(), number)
    right.send(b"x")
    assert backend.wait(0) == []
    backend.modify(number, BOTH)
    assert backend.wait(None) == [(number, BOTH)]


def test_modify_to_fewer_filters_accepts_that_they_went_with_the_old_file(backend, sockets, new_pipe):
    number, _ = new_pipe()
    backend.register(number, READ)
    os.dup2(sockets[0].fileno(), number)
    backend.modify(number, WRITE)
    assert backend.wait(None) == [(number, WRITE)]


def test_more_ready_descriptors_than_room_are_reported_in_turn(backend, new_pipe, monkeypatch):
    monkeypatch.setattr(kqueue_backend, "_MAX_EVENTS", 2)
    writers = [new_pipe()[1] for _ in range(5)]
    for fd in writers:
        backend.register(fd, WRITE)
    seen = {fd for _ in range(3) for fd, _ in backend.wait(None)}
    assert seen == set(writers)
