"""The fake kqueue keeps kqueue(2)'s documented rules."""

import errno
import os

import pytest

from tests.backends.fake_kqueue import (
    KQ_EV_ADD,
    KQ_EV_DELETE,
    KQ_EV_EOF,
    KQ_EV_ERROR,
    KQ_FILTER_READ,
    KQ_FILTER_WRITE,
    kevent,
    kqueue,
)


def filters(events):
    return [(event.ident, event.filter, event.flags) for event in events]


def test_the_filters_of_a_descriptor_are_separate_events(sockets):
    left, right = sockets
    fd, queue = left.fileno(), kqueue()
    right.send(b"x")
    queue.control([kevent(fd, KQ_FILTER_READ), kevent(fd, KQ_FILTER_WRITE)], 0, 0)
    assert filters(queue.control(None, 8, 0)) == [(fd, KQ_FILTER_READ, 0), (fd, KQ_FILTER_WRITE, 0)]
    queue.control([kevent(fd, KQ_FILTER_READ, KQ_EV_DELETE)], 0, 0)
    assert filters(queue.control(None, 8, 0)) == [(fd, KQ_FILTER_WRITE, 0)]


def test_a_failed_change_is_an_event_while_there_is_room_and_an_error_otherwise(pipe):
    queue = kqueue()
    missing = kevent(pipe[0], KQ_FILTER_READ, KQ_EV_DELETE)
    (failure,) = queue.control([missing], 1, 0)
    assert (failure.ident, failure.flags, failure.data) == (pipe[0], KQ_EV_ERROR, errno.ENOENT)
    with pytest.raises(FileNotFoundError):
        queue.control([missing], 0, 0)
    with pytest.raises(FileNotFoundError):
        queue.control([missing, missing], 1, 0)


def test_changes_before_a_failed_one_stay(pipe):
    queue = kqueue()
    os.write(pipe[1], b"x")
    with pytest.raises(FileNotFoundError):
        queue.control([kevent(pipe[0]), kevent(pipe[0], KQ_FILTER_WRITE, KQ_EV_DELETE)], 0, 0)
    assert filters(queue.control(None, 8, None)) == [(pipe[0], KQ_FILTER_READ, 0)]


def test_a_closed_descriptor_takes_its_entries_along_whatever_its_duplicates(pipe):
    queue = kqueue()
    duplicate = os.dup(pipe[0])
    queue.control([kevent(pipe[0])], 0, 0)
    os.write(pipe[1], b"x")
    os.close(pipe[0])
    assert queue.control(None, 8, 0) == []
    with pytest.raises(OSError) as caught:
        queue.control([kevent(pipe[0], KQ_FILTER_READ, KQ_EV_ADD)], 0, 0)
    assert caught.value.errno == errno.EBADF
    os.close(duplicate)


def test_the_end_of_a_stream_sets_eof_beside_the_data(sockets):
    left, right = sockets
    queue = kqueue()
    queue.control([kevent(left.fileno())], 0, 0)
    right.send(b"x")
    right.shutdown(1)
    assert filters(queue.control(None, 8, None)) == [(left.fileno(), KQ_FILTER_READ, KQ_EV_EOF)]


def test_a_pipe_without_a_reader_sets_eof_on_the_write_filter(pipe):
    queue = kqueue()
    queue.control([kevent(pipe[1], KQ_FILTER_WRITE)], 0, 0)
    os.close(pipe[0])
    assert filters(queue.control(None, 8, None)) == [(pipe[1], KQ_FILTER_WRITE, KQ_EV_EOF)]


def test_reported_entries_go_to_the_end_of_the_queue(new_pipe):
    queue = kqueue()
    writers = [new_pipe()[1] for _ in range(3)]
    queue.control([kevent(fd, KQ_FILTER_WRITE) for fd in writers], 0, 0)
    seen = [queue.control(None, 1, None)[0].ident for _ in range(4)]
    assert seen == [*writers, writers[0]]


def test_no_room_for_events_returns_at_once():
    assert kqueue().control(None, 0, None) == []


def test_bad_arguments_are_refused_as_python_does():
    queue = kqueue()
    with pytest.raises(ValueError, match="positive or None"):
        queue.control(None, 1, -1)
    with pytest.raises(ValueError, match="got -1"):
        queue.control(None, -1, 0)
    queue.close()
    with pytest.raises(ValueError, match="closed kqueue"):
        queue.control(None, 1, 0)


def test_flags_beyond_add_and_delete_are_not_pretended(pipe):
    with pytest.raises(NotImplementedError, match="0x21"):
        kqueue().control([kevent(pipe[0], KQ_FILTER_READ, 0x21)], 0, 0)
