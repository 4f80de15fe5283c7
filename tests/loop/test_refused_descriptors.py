"""What a backend cannot watch is refused, and the loop is none the worse for it."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import tempfile
from collections.abc import Iterator

import pytest

import backends
from backends.contract import DescriptorLimitError
from lab.loop.loop import Loop
from tests.conftest import open_descriptors
from tests.loop.conftest import Pair, Run


def test_a_regular_file_is_refused_by_epoll_and_the_loop_goes_on(loop: Loop, run: Run, pair: Pair) -> None:
    with tempfile.TemporaryFile() as file:
        before = dict(loop.backend.interest)
        if "epoll" in loop.backend.name:
            for add in (loop.add_reader, loop.add_writer):
                with pytest.raises(PermissionError):
                    add(file, print)
            assert dict(loop.backend.interest) == before
            assert not loop.remove_reader(file)
        else:
            loop.add_reader(file, loop.stop)
            loop.run_forever()
            assert loop.remove_reader(file)
    run(loop.sock_sendall(pair[0], b"goes on"))
    assert run(loop.sock_recv(pair[1], 100)) == b"goes on"


@contextlib.contextmanager
def many_descriptors(count: int) -> Iterator[int]:
    """Duplicates of one descriptor up to the number ``count``, which is yielded; skips if not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 20:
        pytest.skip(f"this process may have {hard} descriptors; the test needs {count + 20}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 20), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while opened[-1] < count:
            opened.append(os.dup(opened[0]))
        yield opened[-1]
    finally:
        for fd in opened:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("name", ["select", "selectors-select"])
def test_above_selects_limit_the_error_says_so_and_the_loop_goes_on(name: str) -> None:
    limit = backends.backend_class("select")().max_descriptor
    assert limit is not None
    with contextlib.closing(Loop(name)) as loop, many_descriptors(limit):
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            before = dict(loop.backend.interest)
            with pytest.raises(DescriptorLimitError, match=str(limit)):
                loop.add_reader(left, print)
            with pytest.raises(DescriptorLimitError, match="epoll, kqueue or poll"):
                loop.run_until_complete(loop.sock_recv(left, 100))
            right.send(b"without waiting")
            assert loop.run_until_complete(loop.sock_recv(left, 100)) == b"without waiting"
            assert dict(loop.backend.interest) == before
        before_opening = open_descriptors()
        with pytest.raises(DescriptorLimitError):
            Loop(name)
        assert open_descriptors() == before_opening
