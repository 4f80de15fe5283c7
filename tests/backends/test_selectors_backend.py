"""The adapter over the standard library's selectors: what it translates, and what it cannot tell."""

import fcntl
import os
import selectors

import pytest

from backends import BOTH, INVALID, READ, WRITE, BackendUnavailableError, DescriptorLimitError
from backends.selectors_backend import (
    SelectorsBackend,
    SelectorsEpollBackend,
    SelectorsPollBackend,
    SelectorsSelectBackend,
)

needs_epoll = pytest.mark.skipif(not hasattr(selectors, "EpollSelector"), reason="epoll exists on Linux only")
needs_poll = pytest.mark.skipif(not hasattr(selectors, "PollSelector"), reason="no poll in this Python")


def test_a_selector_that_python_lacks_is_unavailable():
    class SelectorsNowhereBackend(SelectorsBackend):
        selector_name = "NowhereSelector"

    with pytest.raises(BackendUnavailableError, match=r"selectors\.NowhereSelector"):
        SelectorsNowhereBackend()


@needs_poll
def test_poll_shows_a_closed_descriptor_as_ready_until_it_is_unregistered(pipe):
    with SelectorsPollBackend() as backend:
        backend.register(pipe[0], BOTH)
        os.close(pipe[0])
        assert backend.wait(0) == [(pipe[0], BOTH)]
        assert backend.wait(0) == [(pipe[0], BOTH)]
        backend.unregister(pipe[0])
        assert backend.wait(0) == []


@needs_epoll
def test_epoll_ends_the_unseen_spin_on_a_closed_descriptor_with_a_duplicate(new_pipe):
    (closed, closed_writer), (reader, writer) = new_pipe(), new_pipe()
    duplicate = os.dup(closed)
    with SelectorsEpollBackend() as backend:
        backend.register(closed, READ)
        backend.register(reader, READ)
        os.close(closed)
        backend.unregister(closed)
        os.write(closed_writer, b"x")
        assert backend.wait(None) == []  # it came back at once, with nothing
        os.write(writer, b"x")
        assert backend.wait(None) == [(reader, READ)]
    os.close(duplicate)


@needs_epoll
def test_a_modify_that_fails_leaves_the_descriptor_to_be_unregistered(pipe):
    with SelectorsEpollBackend() as backend:
        backend.register(pipe[0], READ)
        os.close(pipe[0])
        with pytest.raises(OSError, match="Bad file descriptor"):
            backend.modify(pipe[0], BOTH)
        assert dict(backend.interest) == {pipe[0]: READ}
        backend.unregister(pipe[0])
        assert dict(backend.interest) == {}


def test_select_reports_every_closed_descriptor_once_as_invalid(new_pipe):
    (first, _), (second, _), (_, writer) = new_pipe(), new_pipe(), new_pipe()
    with SelectorsSelectBackend() as backend:
        for fd, mask in ((first, READ), (second, READ), (writer, WRITE)):
            backend.register(fd, mask)
        os.close(first)
        os.close(second)
        assert sorted(backend.wait(0)) == [(first, INVALID), (second, INVALID)]
        assert backend.wait(0) == [(writer, WRITE)]


def test_select_passes_on_an_error_that_no_closed_descriptor_explains(pipe, monkeypatch):
    with SelectorsSelectBackend() as backend:
        backend.register(pipe[0], READ)

        def out_of_memory(self, timeout):
            raise MemoryError

        def bad_descriptor(self, timeout):
            raise OSError(9, "Bad file descriptor")

        for failing, error in ((out_of_memory, MemoryError), (bad_descriptor, OSError)):
            monkeypatch.setattr(selectors.SelectSelector, "select", failing)
            with pytest.raises(error):
                backend.wait(0)
    assert fcntl.fcntl(pipe[0], fcntl.F_GETFD) >= 0


def test_select_has_the_limit_of_select():
    with SelectorsSelectBackend() as backend, pytest.raises(DescriptorLimitError, match="FD_SETSIZE"):
        backend.register(backend.max_descriptor + 1, READ)
