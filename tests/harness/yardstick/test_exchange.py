"""Messages between the yardstick's two ends, here in two threads."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from lab.harness.yardstick import exchange
from lab.harness.yardstick.exchange import MESSAGE_BYTES, NearEnd, answer

PAIRS = 3
WITHIN_S = 20


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with contextlib.ExitStack() as opened:
        yield [
            tuple(opened.enter_context(end) for end in socket.socketpair())  # type: ignore[misc]
            for _ in range(PAIRS)
        ]


def answering(ends: list[socket.socket]) -> threading.Thread:
    thread = threading.Thread(target=answer, args=(ends,))
    thread.start()
    return thread


def test_what_is_timed_is_sending_and_receiving_and_not_waiting(
    pairs: list[tuple[socket.socket, socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each reading of the clock is one second later: three spans a repetition, the middle one is the wait.
    seconds = iter(range(10_000))
    monkeypatch.setattr(exchange, "thread_time_ns", lambda: next(seconds))
    far = answering([theirs for _, theirs in pairs])
    taken = NearEnd([ours for ours, _ in pairs]).exchange_ns()
    pairs[0][0].close()
    far.join(WITHIN_S)
    assert taken == 2 * exchange.REPETITIONS
    assert not far.is_alive()


def test_every_message_comes_back_before_the_exchange_ends(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    far = answering([theirs for _, theirs in pairs])
    near = NearEnd([ours for ours, _ in pairs])
    assert near.exchange_ns() > 0
    assert near.exchange_ns() > 0
    for ours, _ in pairs:
        with pytest.raises(BlockingIOError):
            ours.recv(1, socket.MSG_DONTWAIT)
    pairs[1][0].close()
    far.join(WITHIN_S)
    assert not far.is_alive()


class Scripted:
    """The far end's connection and its poll object: messages from a script, and how long each may take."""

    def __init__(self, marks: bytes) -> None:
        self.messages = [bytes([mark]) * MESSAGE_BYTES for mark in marks]
        self.sent: list[bytes] = []
        self.patience: list[int | None] = []

    def fileno(self) -> int:
        return 3

    def register(self, connection: object, events: int) -> None:
        pass

    def poll(self, timeout: int | None) -> list[tuple[int, int]]:
        self.patience.append(timeout)
        return [(3, 1)]

    def recv(self, size: int, flags: int) -> bytes:
        return self.messages.pop(0) if self.messages else b""

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)


def test_the_far_end_sleeps_until_it_is_woken_and_again_when_it_is_told_to_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted = Scripted(b"mwmmrm")
    expected = list(scripted.messages)
    monkeypatch.setattr(exchange.select, "poll", lambda: scripted)
    answer([scripted])  # type: ignore[list-item]
    assert scripted.sent == expected
    assert scripted.patience == [None, None, 0, 0, 0, None, None]


def test_an_end_that_is_gone_is_an_error(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    for _, theirs in pairs:
        theirs.close()
    with pytest.raises(OSError, match=r"expected the far end|[Bb]roken pipe|reset"):
        NearEnd([ours for ours, _ in pairs]).exchange_ns()
