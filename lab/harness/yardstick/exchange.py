"""Messages between two cores, timed: what the kernel's part of a request costs at this moment.

The greater part of a small request is the kernel's: a message goes out and one comes in, over memory that the
other core has just written. What that costs depends on neighbours who fill the caches, and on which cores of
the host the two are just now; bytecode hardly feels either. So a fixed number of messages goes from the end
on the server's core to one on the load's core and back.

Rules
- What is timed is sending and receiving, by the thread's own CPU time; waiting for the other end is not.
- The far end looks for messages instead of sleeping while it is awake, as the load does
  (`load.clients.LoadClients.awake`), and it is blocked in a system call while it is not.
- Several connections, so that the memory they take is a server's rather than one socket's.

Pitfall: a message may come in parts; MSG_WAITALL puts them together.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from time import thread_time_ns

CONNECTIONS = 16
REPETITIONS = 4
MESSAGE_BYTES = 1024
_MESSAGE, _WAKE, _REST = (mark * MESSAGE_BYTES for mark in (b"m", b"w", b"r"))


def send_at_once(connections: Sequence[socket.socket]) -> None:
    """Both ends over TCP: no message waits for the acknowledgement of the one before."""
    for each in connections:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class NearEnd:
    """Sends and times; ``connections`` lead to who `answer`s, and block."""

    def __init__(self, connections: Sequence[socket.socket]) -> None:
        self._connections = connections
        self._last = select.poll()
        self._last.register(connections[-1], select.POLLIN)

    def exchange_ns(self) -> int:
        """CPU nanoseconds for all messages, out and in; raises `OSError` if the far end is gone."""
        self._tell(_WAKE)
        taken_ns = sum(self._once() for _ in range(REPETITIONS))
        self._tell(_REST)
        return taken_ns

    def _once(self) -> int:
        connections, message, wait_all = self._connections, _MESSAGE, socket.MSG_WAITALL
        began_ns = thread_time_ns()
        for each in connections:
            each.send(message)
        sent_ns = thread_time_ns()
        while not self._last.poll(0):
            pass
        replied_ns = thread_time_ns()
        for each in connections:
            each.recv(MESSAGE_BYTES, wait_all)
        return sent_ns - began_ns + thread_time_ns() - replied_ns

    def _tell(self, what: bytes) -> None:
        self._connections[0].sendall(what)
        if self._connections[0].recv(MESSAGE_BYTES, socket.MSG_WAITALL) != what:
            raise OSError("expected the far end to say the same")


def answer(connections: Sequence[socket.socket]) -> None:
    """The far end: send back what comes, until the near end is gone. ``connections`` block."""
    waiting, awake = select.poll(), False
    by_number = {each.fileno(): each for each in connections}
    for each in connections:
        waiting.register(each, select.POLLIN)
    while True:
        for number, _ in waiting.poll(0 if awake else None):
            received = by_number[number].recv(MESSAGE_BYTES, socket.MSG_WAITALL)
            if len(received) < MESSAGE_BYTES:
                return
            awake = received == _WAKE or (awake and received != _REST)
            by_number[number].sendall(received)
