"""A small world of sockets and timers around one loop, which logs every callback with its turn.

Two worlds that do the same, one on the mini-loop and one on asyncio's, have to write the same log. What no
loop promises is taken out of it: the order of the descriptors within one report of the kernel. So callbacks
for descriptors touch nothing but their own channel, with the exception of duels, which are symmetric, and
the log of a turn is put into the channels' order. Time is what `clock` says; nothing here sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from backends.scripted_backend import FakeClock

CHANNELS = 4
ASKED_BY: contextvars.ContextVar[int] = contextvars.ContextVar("asked_by", default=0)
"""The number of the step that registered the callback: it must be seen by the callback."""

Entry = tuple[str, int, Any]
"""Phase (``call``, ``descriptor``, ``spawned`` by a descriptor's callback), channel, what happened."""


class DeliberateError(Exception):
    """What failing callbacks raise; its arguments are the phase and the channel."""


class Channel:
    """A connected pair: the loop watches ``ours``, the world acts on ``theirs``."""

    def __init__(self, number: int | None = None) -> None:
        """``number``: the descriptor that ``ours`` is to have; it has to be free."""
        self.ours, self.theirs = socket.socketpair()
        if self.theirs.fileno() == number:
            self.ours, self.theirs = self.theirs, self.ours
        elif number is not None and self.ours.fileno() != number:
            with self.ours as elsewhere:
                self.ours = socket.socket(fileno=os.dup2(elsewhere.fileno(), number))
        self.ours.setblocking(False)
        self.theirs.setblocking(False)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


class World:
    """One loop, its channels and timers, and the log. Each public method is an operation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: FakeClock) -> None:
        self.loop, self.clock = loop, clock
        self.log: list[Entry] = []
        self.channels = [Channel() for _ in range(CHANNELS)]
        self.timers: list[asyncio.TimerHandle] = []
        self.calls: list[asyncio.Handle] = []
        self.serials = itertools.count(1)
        self.heeding = -1
        """The channel whose callback runs, to know whose an error is that nobody meant."""
        loop.set_exception_handler(self._report)

    def close(self) -> None:
        for channel in self.channels:
            channel.close()
        self.loop.close()

    def turn(self) -> list[Entry]:
        """Take one turn; what it logged, the descriptors' callbacks in the channels' order."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        log, self.log = self.log, []
        ordered: list[Entry] = []
        for phase, group in itertools.groupby(log, key=lambda entry: entry[0]):
            entries = list(group)
            ordered += entries if phase == "call" else sorted(entries, key=lambda entry: entry[1])
        return ordered

    def _note(self, phase: str, channel: int, *what: Any) -> None:
        self.log.append((phase, channel, (*what, ASKED_BY.get())))

    def _report(self, _: asyncio.AbstractEventLoop, report: dict[str, Any]) -> None:
        error = report["exception"]
        heeding, self.heeding = self.heeding, -1
        where = ("call" if heeding < 0 else "descriptor", heeding)
        phase, channel = error.args if isinstance(error, DeliberateError) else where
        # In which context, differs between the versions of asyncio (the callback's from 3.12 on).
        self.log.append((phase, channel, ("reported", repr(error), sorted(report))))

    # -- when an operation happens ---------------------------------------------------------------------

    def perform(self, when: str, delay: int, operation: Callable[[World], object]) -> None:
        """Do it now, in a callback, in one that a thread asks for, or at a time."""
        serial = next(self.serials)
        ASKED_BY.set(serial)
        if when == "now":
            self._operate("now", operation)
        elif when == "soon":
            self.calls.append(self.loop.call_soon(self._operate, "soon", operation))
        elif when == "thread":
            context = contextvars.copy_context()
            arguments = (self._operate, "thread", operation)
            thread = threading.Thread(target=context.run, args=(self.loop.call_soon_threadsafe, *arguments))
            thread.start()
            thread.join()
        else:  # no two at the same time: asyncio's heap does not keep their order
            time = self.clock() + delay + serial / 1e6
            self.timers.append(self.loop.call_at(time, self._operate, "timer", operation))

    def _operate(self, when: str, operation: Callable[[World], object]) -> None:
        try:
            self._note("call", -1, when, operation(self))
        except OSError as error:  # the peer has hung up, or the direction is shut
            self._note("call", -1, when, type(error).__name__)

    # -- calls and timers ------------------------------------------------------------------------------

    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def cancel_timer(self, which: int) -> bool | None:
        if not self.timers:
            return None
        timer = self.timers.pop(which % len(self.timers))
        was_cancelled = timer.cancelled()
        timer.cancel()
        return was_cancelled

    def cancel_call(self, which: int) -> bool | None:
        if not self.calls:
            return None
        call = self.calls.pop(which % len(self.calls))
        call.cancel()
        return call.cancelled()

    def make_and_cancel_timers(self, count: int) -> None:
        """More than a loop keeps before it cleans its heap; every tenth stays."""
        for number in range(count):
            time = self.clock() + 1 + next(self.serials) / 1e6
            timer = self.loop.call_at(time, self._note, "call", -1, "one of many", number)
            if number % 10:
                timer.cancel()

    def fail(self) -> None:
        raise DeliberateError("call", -1)

    # -- what the peer does ----------------------------------------------------------------------------

    def send(self, number: int, count: int) -> int:
        return self.channels[number].theirs.send(b"." * count)

    def drain(self, number: int) -> bool:
        """Read all that was sent to the peer; whether the stream has ended."""
        with contextlib.suppress(BlockingIOError):
            while self.channels[number].theirs.recv(1 << 20):
                pass
            return True
        return False

    def shut_theirs(self, number: int) -> None:
        self.channels[number].theirs.shutdown(socket.SHUT_WR)

    def hang_up(self, number: int) -> None:
        self.channels[number].theirs.close()

    # -- our end ---------------------------------------------------------------------------------------

    def fill(self, number: int) -> None:
        """Write until it would block."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.channels[number].ours.send(b"." * 4_096)

    def shut_ours(self, number: int) -> None:
        self.channels[number].ours.shutdown(socket.SHUT_WR)

    def add_reader(self, number: int, manner: str) -> None:
        channel = self.channels[number]
        self.loop.add_reader(channel.ours, self._heed, channel, "read", manner)

    def add_writer(self, number: int, manner: str) -> None:
        channel = self.channels[number]
        self.loop.add_writer(channel.ours, self._heed, channel, "write", manner)

    def remove_reader(self, number: int) -> bool:
        return self.loop.remove_reader(self.channels[number].ours)

    def remove_writer(self, number: int) -> bool:
        return self.loop.remove_writer(self.channels[number].ours)

    def close_channel(self, number: int) -> tuple[bool, bool]:
        removed = self.remove_reader(number), self.remove_writer(number)
        self.channels[number].close()
        return removed

    def reopen(self, number: int) -> tuple[bool, bool]:
        """Close it and make another one, under whatever number the system gives."""
        removed = self.close_channel(number)
        self.channels[number] = Channel()
        return removed

    def reuse(self, number: int, readers: str, writers: str) -> tuple[bool, bool]:
        """Close it and have another file under the same number at once, watched if a manner is given."""
        descriptor = self.channels[number].ours.fileno()
        removed = self.close_channel(number)
        self.channels[number] = Channel(descriptor)
        if readers:
            self.add_reader(number, readers)
        if writers:
            self.add_writer(number, writers)
        return removed

    def duplicate(self, number: int) -> None:
        """The same file goes on under another number."""
        channel = self.channels[number]
        self.remove_reader(number)
        self.remove_writer(number)
        with channel.ours as before:
            channel.ours = before.dup()

    # -- callbacks for descriptors ---------------------------------------------------------------------

    def _heed(self, channel: Channel, direction: str, manner: str) -> None:
        """``channel`` is ready: say so, and do what ``manner`` tells, to this channel alone."""
        number = self.heeding = self.channels.index(channel)
        self._note("descriptor", number, direction, manner)
        self.loop.call_soon(self._note, "spawned", number, direction)
        if manner == "take one" and direction == "read":
            self._note("descriptor", number, channel.ours.recv(1))
        elif manner == "take all" and direction == "read":
            self._note("descriptor", number, channel.ours.recv(1 << 20))
        elif manner == "remove":
            remove = self.remove_reader if direction == "read" else self.remove_writer
            self._note("descriptor", number, remove(number))
        elif manner == "replace":
            (self.add_reader if direction == "read" else self.add_writer)(number, "leave")
        elif manner == "swap":
            self._note("descriptor", number, self.remove_reader(number), self.remove_writer(number))
            (self.add_writer if direction == "read" else self.add_reader)(number, "remove")
        elif manner == "reopen":
            self._note("descriptor", number, self.reopen(number))
        elif manner == "reuse":
            self._note("descriptor", number, self.reuse(number, "take all", "remove"))
        elif manner == "fail":
            raise DeliberateError("descriptor", number)
        self.heeding = -1

    # -- duels -----------------------------------------------------------------------------------------

    def prepare_duel(self, one: int, two: int, readers: str, writers: str, sent: int) -> None:
        """Two channels ready in one report: the first that is called closes the other.

        Which one that is, is the kernel's choice; the winner takes the lower place, and a new file with the
        loser's number the higher one, so both worlds look alike afterwards.
        """
        for number in (one, two):
            self.reopen(number)
            self.send(number, 1)
        for number in (one, two):
            ours = self.channels[number].ours
            self.loop.add_reader(ours, self._win, number, one + two - number, readers, writers, sent)

    def _win(self, winner: int, loser: int, readers: str, writers: str, sent: int) -> None:
        low, high = sorted((winner, loser))
        if winner == high:
            self.channels[low], self.channels[high] = self.channels[high], self.channels[low]
        self._note("descriptor", low, "won", self.remove_reader(low), self.reuse(high, readers, writers))
        if sent:
            self.send(high, sent)
