"""The contract of backends/contract.py, against every backend that this system has."""

import os
import signal

import pytest

import backends
from backends import BOTH, ERROR, HANGUP, INVALID, READ, WRITE
from backends.selectors_backend import SelectorsEpollBackend, SelectorsPollBackend
from tests.backends.conftest import KERNEL_BACKENDS, close_quietly

FOLDS_INVALID = (
    "PollSelector folds POLLNVAL into ready; tests/backends/test_selectors_backend.py has the rule"
)

DROPS_STRAYS = (
    "EpollSelector drops what it has no key for; tests/backends/test_selectors_backend.py has the rule"
)


@pytest.mark.parametrize("name", backends.names())
def test_every_backend_is_held_to_the_contract_or_says_why_not(name):
    if reason := backends.unavailable(name):
        pytest.skip(f"{name}: {reason}")
    assert name in KERNEL_BACKENDS


@pytest.mark.parametrize("mask", [0, HANGUP, READ | ERROR, 1 << 31, -1])
def test_a_mask_is_read_write_or_both(any_backend, pipe, mask):
    with pytest.raises(ValueError, match="event mask"):
        any_backend.register(pipe[0], mask)
    assert dict(any_backend.interest) == {}
    any_backend.register(pipe[0], READ)
    with pytest.raises(ValueError, match="event mask"):
        any_backend.modify(pipe[0], mask)
    assert dict(any_backend.interest) == {pipe[0]: READ}


def test_a_descriptor_is_registered_once(any_backend, pipe):
    any_backend.register(pipe[0], READ)
    with pytest.raises(ValueError, match=f"{pipe[0]} is registered already"):
        any_backend.register(pipe[0], READ)


def test_a_negative_descriptor_is_refused(any_backend):
    with pytest.raises(ValueError, match="not negative"):
        any_backend.register(-1, READ)


def test_modify_and_unregister_want_a_registered_descriptor(any_backend, pipe):
    with pytest.raises(KeyError):
        any_backend.modify(pipe[0], READ)
    with pytest.raises(KeyError):
        any_backend.unregister(pipe[0])


def test_the_interest_set_follows_every_change(any_backend, sockets):
    left, right = (end.fileno() for end in sockets)
    any_backend.register(left, READ)
    any_backend.register(right, WRITE)
    any_backend.modify(left, BOTH)
    kept = any_backend.interest
    assert dict(kept) == {left: BOTH, right: WRITE}
    any_backend.unregister(right)
    assert dict(any_backend.interest) == {left: BOTH}
    any_backend.close()
    assert any_backend.interest is kept, "always the same mapping: loops keep it"


def test_closing_twice_is_fine_and_empties_the_interest_set(any_backend, pipe):
    any_backend.register(pipe[0], READ)
    any_backend.close()
    any_backend.close()
    assert dict(any_backend.interest) == {}


def test_an_empty_interest_set_is_never_ready(any_backend):
    assert list(any_backend.wait(0)) == []
    assert list(any_backend.wait(0.0001)) == []


def test_a_descriptor_that_is_not_open_is_refused_or_reported_as_invalid(backend, pipe):
    if isinstance(backend, SelectorsPollBackend):
        pytest.skip(FOLDS_INVALID)
    os.close(pipe[0])
    try:
        backend.register(pipe[0], READ)
    except OSError:
        assert dict(backend.interest) == {}
    else:
        assert list(backend.wait(None)) == [(pipe[0], INVALID)]


def test_waiting_without_limit_returns_on_readiness(backend, pipe):
    backend.register(pipe[0], READ)
    assert list(backend.wait(0)) == []
    os.write(pipe[1], b"x")
    assert list(backend.wait(None)) == [(pipe[0], READ)]


def test_level_repeats_what_lasts_and_edge_tells_it_once(backend, pipe):
    backend.register(pipe[0], READ)
    os.write(pipe[1], b"x")
    assert list(backend.wait(None)) == [(pipe[0], READ)]
    again = [(pipe[0], READ)] if backend.trigger == "level" else []
    assert list(backend.wait(0)) == again
    os.read(pipe[0], 1)
    assert list(backend.wait(0)) == []


def test_modify_with_the_same_mask_reports_once_more(backend, pipe):
    backend.register(pipe[0], READ)
    os.write(pipe[1], b"x")
    backend.wait(None)
    backend.modify(pipe[0], READ)
    assert list(backend.wait(0)) == [(pipe[0], READ)]


def test_only_what_was_asked_for_is_reported(backend, sockets):
    left, right = sockets
    right.send(b"x")
    backend.register(left.fileno(), WRITE)
    assert list(backend.wait(None)) == [(left.fileno(), WRITE)]
    backend.modify(left.fileno(), READ)
    assert list(backend.wait(None)) == [(left.fileno(), READ)]
    backend.unregister(left.fileno())
    assert list(backend.wait(0)) == []


def test_both_directions_of_a_descriptor_are_one_event(backend, sockets):
    left, right = sockets
    right.send(b"x")
    backend.register(left.fileno(), BOTH)
    assert list(backend.wait(None)) == [(left.fileno(), BOTH)]


def test_a_hangup_does_not_hide_the_data_before_it(backend, sockets):
    left, right = sockets
    right.send(b"last words")
    right.close()
    backend.register(left.fileno(), READ)
    ((fd, mask),) = backend.wait(None)
    assert fd == left.fileno() and mask & READ
    assert (left.recv(100), left.recv(100)) == (b"last words", b"")


def test_the_reader_of_a_pipe_learns_that_its_last_writer_is_gone(backend, pipe):
    backend.register(pipe[0], READ)
    os.close(pipe[1])
    ((fd, mask),) = backend.wait(None)
    assert fd == pipe[0] and mask & (READ | HANGUP)


def test_the_writer_of_a_pipe_learns_that_its_last_reader_is_gone(backend, pipe):
    backend.register(pipe[1], WRITE)
    os.close(pipe[0])
    ((fd, mask),) = backend.wait(None)
    assert fd == pipe[1] and mask & (WRITE | ERROR | HANGUP)


def test_a_half_closed_stream_is_readable(backend, sockets):
    left, right = sockets
    right.shutdown(1)
    backend.register(left.fileno(), READ)
    ((fd, mask),) = backend.wait(None)
    assert fd == left.fileno() and mask & READ and not mask & ERROR


def test_a_descriptor_closed_while_registered_is_forgotten_or_reported_once(backend, new_pipe):
    if isinstance(backend, SelectorsPollBackend):
        pytest.skip(FOLDS_INVALID)
    (closed, _), (reader, writer) = new_pipe(), new_pipe()
    backend.register(closed, READ)
    backend.register(reader, READ)
    os.close(closed)
    assert list(backend.wait(0)) in ([], [(closed, INVALID)])
    os.write(writer, b"x")
    assert list(backend.wait(None)) == [(reader, READ)]


def test_unregister_accepts_a_descriptor_that_was_closed(backend, pipe):
    backend.register(pipe[0], READ)
    os.close(pipe[0])
    backend.unregister(pipe[0])
    assert dict(backend.interest) == {}


@pytest.mark.parametrize("path", ["/dev/null", __file__])
def test_unregister_accepts_a_number_that_was_reused(backend, pipe, path):
    reader, _ = pipe
    backend.register(reader, READ)
    other = os.open(path, os.O_RDONLY)
    os.dup2(other, reader)
    os.close(other)
    backend.unregister(reader)
    assert dict(backend.interest) == {}
    assert list(backend.wait(0)) == []


def test_a_reused_number_can_be_registered_for_its_new_file(backend, new_pipe):
    (number, _), (reader, writer) = new_pipe(), new_pipe()
    backend.register(number, READ)
    os.dup2(reader, number)
    backend.unregister(number)
    backend.register(number, READ)
    os.write(writer, b"x")
    assert list(backend.wait(None)) == [(number, READ)]


def test_a_number_made_again_from_a_duplicate_of_its_file_can_be_registered(backend, pipe):
    reader, writer = pipe
    duplicate = os.dup(reader)
    backend.register(reader, READ)
    os.close(reader)
    backend.unregister(reader)
    os.dup2(duplicate, reader)
    os.close(duplicate)
    backend.register(reader, READ)
    os.write(writer, b"x")
    assert list(backend.wait(None)) == [(reader, READ)]


def test_a_duplicate_cannot_haunt_the_backend_once_it_is_told(backend, new_pipe):
    if isinstance(backend, SelectorsEpollBackend):
        pytest.skip(DROPS_STRAYS)
    (closed, closed_writer), (reader, writer) = new_pipe(), new_pipe()
    duplicate = os.dup(closed)
    backend.register(closed, READ)
    backend.register(reader, READ)
    os.close(closed)
    backend.unregister(closed)
    os.write(closed_writer, b"x")
    for _ in range(2):
        for fd, _ in backend.wait(0):
            backend.stray(fd)
    assert list(backend.wait(0)) == []
    assert dict(backend.interest) == {reader: READ}
    os.write(writer, b"x")
    assert list(backend.wait(None)) == [(reader, READ)]
    os.close(duplicate)


def test_many_descriptors_are_all_reported(backend, pipe):
    reader, writer = pipe
    duplicates = [os.dup(reader) for _ in range(120)]  # macOS starts with a limit of 256
    for fd in duplicates:
        backend.register(fd, READ)
    os.write(writer, b"x")
    events = list(backend.wait(None))
    for fd in duplicates:
        close_quietly(fd)
    assert sorted(events) == [(fd, READ) for fd in sorted(duplicates)]


def test_a_signal_is_handled_and_the_wait_goes_on(backend, pipe):
    signals = []

    def on_alarm(number, frame):
        signals.append(number)
        if len(signals) == 3:  # the first two have nothing to report: the wait must outlive them
            os.write(pipe[1], b"x")

    backend.register(pipe[0], READ)
    previous = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        events = list(backend.wait(None))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert events == [(pipe[0], READ)]
    assert len(signals) >= 3


def test_an_exception_of_a_signal_handler_ends_the_wait(backend, pipe):
    def on_alarm(number, frame):
        raise KeyboardInterrupt

    backend.register(pipe[0], READ)
    previous = signal.signal(signal.SIGALRM, on_alarm)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            backend.wait(None)
    finally:
        signal.signal(signal.SIGALRM, previous)
    os.write(pipe[1], b"x")
    assert list(backend.wait(None)) == [(pipe[0], READ)]
