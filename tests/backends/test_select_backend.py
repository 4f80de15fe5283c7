"""What is special to select: its limit, its EBADF, its two lists."""

import os
import select
from types import SimpleNamespace

import pytest

from backends import BOTH, INVALID, READ, WRITE, DescriptorLimitError, select_backend
from backends.select_backend import SelectBackend, highest_descriptor


def test_the_limit_is_what_python_itself_refuses():
    with pytest.raises(ValueError, match="out of range"):
        select.select([highest_descriptor() + 1], [], [], 0)
    try:
        select.select([highest_descriptor()], [], [], 0)
    except OSError as error:
        assert error.strerror == "Bad file descriptor"


def test_a_descriptor_above_the_limit_gets_an_error_with_the_way_out():
    with SelectBackend() as backend:
        too_high = backend.max_descriptor + 1
        with pytest.raises(DescriptorLimitError) as caught:
            backend.register(too_high, READ)
        assert dict(backend.interest) == {}
    for part in ("FD_SETSIZE", str(backend.max_descriptor), str(too_high), "epoll, kqueue or poll"):
        assert part in str(caught.value)


def test_every_closed_descriptor_is_found_behind_one_ebadf(new_pipe):
    (first, _), (second, _), (_, writer) = new_pipe(), new_pipe(), new_pipe()
    with SelectBackend() as backend:
        for fd, mask in ((first, READ), (second, BOTH), (writer, WRITE)):
            backend.register(fd, mask)
        os.close(first)
        os.close(second)
        assert sorted(backend.wait(None)) == [(first, INVALID), (second, INVALID)]
        assert dict(backend.interest) == {writer: WRITE}
        assert backend.wait(None) == [(writer, WRITE)]


@pytest.mark.parametrize("errno", [9, 12])
def test_an_error_that_no_closed_descriptor_explains_is_passed_on(pipe, monkeypatch, errno):
    def failing(*arguments):
        raise OSError(errno, "as told")

    with SelectBackend() as backend:
        backend.register(pipe[0], READ)
        monkeypatch.setattr(select_backend, "select", SimpleNamespace(select=failing))
        with pytest.raises(OSError, match="as told"):
            backend.wait(0)


def test_seconds_are_passed_on_as_they_are_and_lists_are_reused(pipe, monkeypatch):
    calls = []

    def record(*arguments):
        calls.append(arguments)
        return [], [], []

    with SelectBackend() as backend:
        backend.register(pipe[0], READ)
        monkeypatch.setattr(select_backend, "select", SimpleNamespace(select=record))
        backend.wait(0.0000004)
        backend.wait(None)
        backend.modify(pipe[0], WRITE)
        backend.wait(0)
    assert calls == [
        ([pipe[0]], [], (), 0.0000004),
        ([pipe[0]], [], (), None),
        ([], [pipe[0]], (), 0),
    ]
    assert calls[0][0] is calls[1][0]
