"""What is special to poll: milliseconds, and NVAL."""

import os
from types import SimpleNamespace

import pytest

from backends import INVALID, READ, BackendUnavailableError, poll_backend
from backends.poll_backend import PollBackend


class RecordingPoll:
    """Stands in for select.poll's object; records the timeouts it is given."""

    def __init__(self):
        self.timeouts = []

    def poll(self, timeout):
        self.timeouts.append(timeout)
        return []


def test_seconds_become_fractional_milliseconds_which_python_rounds_up(monkeypatch):
    recorder = RecordingPoll()
    monkeypatch.setattr(poll_backend, "select", SimpleNamespace(poll=lambda: recorder))
    with PollBackend() as backend:
        for timeout in (None, 0, 0.0001, 0.001, 1.5):
            backend.wait(timeout)
    assert recorder.timeouts == [None, 0, pytest.approx(0.1), 1.0, 1500.0]


def test_a_closed_descriptor_is_reported_once_among_the_ready(new_pipe):
    (closed, _), (reader, writer) = new_pipe(), new_pipe()
    with PollBackend() as backend:
        backend.register(closed, READ)
        backend.register(reader, READ)
        os.close(closed)
        os.write(writer, b"x")
        assert sorted(backend.wait(None)) == sorted([(closed, INVALID), (reader, READ)])
        assert dict(backend.interest) == {reader: READ}
        assert backend.wait(None) == [(reader, READ)]


def test_a_python_without_poll_says_so(monkeypatch):
    monkeypatch.setattr(poll_backend, "select", SimpleNamespace())
    with pytest.raises(BackendUnavailableError, match="use select"):
        PollBackend()
