"""What is special to epoll: the interest set of the kernel outlives descriptors, and edges."""

import errno
import os
import select
from types import SimpleNamespace

import pytest

from backends import BOTH, ERROR, HANGUP, READ, READ_HANGUP, WRITE, BackendUnavailableError, epoll_backend
from backends.epoll_backend import EpollBackend, EpollEdgeBackend

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="epoll exists on Linux only")


def test_the_masks_are_those_of_epoll():
    assert (READ, WRITE, ERROR, HANGUP, READ_HANGUP) == (
        select.EPOLLIN,
        select.EPOLLOUT,
        select.EPOLLERR,
        select.EPOLLHUP,
        select.EPOLLRDHUP,
    )
    assert epoll_backend._EPOLLET == select.EPOLLET


def test_waiting_calls_the_c_method_without_a_python_frame():
    with EpollBackend() as backend:
        assert isinstance(backend.wait.__self__, select.epoll)
        assert EpollBackend.wait(backend, 0) == backend.wait(0) == []


def test_a_duplicate_keeps_reporting_a_closed_number_until_the_set_is_built_anew(new_pipe):
    (closed, closed_writer), (reader, writer) = new_pipe(), new_pipe()
    duplicate = os.dup(closed)
    with EpollBackend() as backend:
        backend.register(closed, READ)
        backend.register(reader, READ)
        os.close(closed)
        backend.unregister(closed)
        os.write(closed_writer, b"x")
        for _ in range(2):
            assert backend.wait(0) == [(closed, READ)]
            backend.stray(closed)
        assert backend.wait(0) == []
        os.write(writer, b"x")
        assert backend.wait(0) == [(reader, READ)]
    os.close(duplicate)


def test_the_set_is_not_built_anew_for_events_fetched_before_unregistering(pipe):
    with EpollBackend() as backend:
        kernels_set = backend.wait.__self__
        for _ in range(3):
            backend.register(pipe[0], READ)
            backend.unregister(pipe[0])
            backend.stray(pipe[0])
        assert backend.wait.__self__ is kernels_set
        backend.stray(pipe[0])
        assert backend.wait.__self__ is not kernels_set


def test_the_set_can_be_built_anew_while_registered_descriptors_are_closed(new_pipe):
    (closed, _), (reader, writer) = new_pipe(), new_pipe()
    with EpollBackend() as backend:
        backend.register(closed, READ)
        backend.register(reader, READ)
        os.close(closed)
        for _ in range(2):
            backend.stray(12345)
        assert dict(backend.interest) == {closed: READ, reader: READ}
        backend.unregister(closed)
        os.write(writer, b"x")
        assert backend.wait(0) == [(reader, READ)]


def test_a_regular_file_cannot_be_watched():
    with EpollBackend() as backend, open(__file__) as file:
        with pytest.raises(PermissionError):
            backend.register(file.fileno(), READ)
        assert dict(backend.interest) == {}


@pytest.mark.parametrize(("reused", "error"), [(False, errno.EBADF), (True, errno.ENOENT)])
def test_modify_says_that_the_number_names_no_or_another_file(new_pipe, reused, error):
    (number, _), (other, _) = new_pipe(), new_pipe()
    with EpollBackend() as backend:
        backend.register(number, READ)
        if reused:
            os.dup2(other, number)
        else:
            os.close(number)
        with pytest.raises(OSError) as caught:
            backend.modify(number, BOTH)
        assert caught.value.errno == error
        assert dict(backend.interest) == {number: READ}


def test_an_edge_comes_with_the_peers_end_of_stream(sockets):
    left, right = sockets
    with EpollEdgeBackend() as backend:
        backend.register(left.fileno(), READ)
        right.send(b"x")
        right.shutdown(1)
        assert backend.wait(None) == [(left.fileno(), READ | READ_HANGUP)]
        assert backend.wait(0) == []
        assert dict(backend.interest) == {left.fileno(): READ}


def test_a_new_edge_comes_with_new_data_even_if_the_old_was_not_read(pipe):
    with EpollEdgeBackend() as backend:
        backend.register(pipe[0], READ)
        for _ in range(2):
            os.write(pipe[1], b"x")
            assert backend.wait(None) == [(pipe[0], READ)]
        assert backend.wait(0) == []


def test_a_system_without_epoll_says_so(monkeypatch):
    def not_implemented():
        raise OSError(errno.ENOSYS, "Function not implemented")

    for module in (SimpleNamespace(), SimpleNamespace(epoll=not_implemented)):
        monkeypatch.setattr(epoll_backend, "select", module)
        with pytest.raises(BackendUnavailableError, match="poll"):
            EpollBackend()


def test_other_errors_of_opening_are_passed_on(monkeypatch):
    def too_many():
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(epoll_backend, "select", SimpleNamespace(epoll=too_many))
    with pytest.raises(OSError, match="Too many open files"):
        EpollBackend()
