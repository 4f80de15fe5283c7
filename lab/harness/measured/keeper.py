"""The process that keeps somebody's own program for one sample: starts it, reads its accounts, ends it.

To the parent it is the server (``python -m lab.harness.measured.keeper``), and speaks as `worker` does. It
shares the program's core, and sleeps while a slice of the window is open.

Rule: however this process ends, on the parent's word, by a signal or because the parent is gone, it ends the
program first (`lab.harness.measured.program.Program.end`).
"""

from __future__ import annotations

import faulthandler
import os
import signal
import traceback
from typing import Any, NoReturn

from lab.errors import LabError
from lab.harness.channel import Channel, describe
from lab.harness.measured import marks
from lab.harness.measured.program import HOST, Program
from lab.harness.measured.window import Window


def main() -> None:
    """Keep the program of the job that comes on the standard input, until the parent is gone."""
    channel = Channel()
    job = channel.start()
    program = Program(job)
    channel.at_end = program.end
    _end_on_signal(program)
    try:
        program.start()
        program.wait_until_ready()
        channel.report("listening", address=(HOST, program.port), pinned=job["pinned"])
        _Accounts(channel, program, job).answer()
    except Exception as error:
        _fail(channel, error)


def _end_on_signal(program: Program) -> None:
    """A stack of this process would say nothing of the program: it is ended instead."""

    def end(_number: int, _frame: object) -> None:
        program.end()
        os._exit(1)

    faulthandler.unregister(signal.SIGTERM)
    signal.signal(signal.SIGTERM, end)


def _fail(channel: Channel, error: Exception) -> NoReturn:
    """Report what went wrong, and wait for the parent to go. The program's own words stand before ours."""
    if not isinstance(error, LabError):
        traceback.print_exception(error)
    channel.report("failed", reason=describe(error))
    while True:
        channel.command()


class _Accounts:
    """Answers the parent while the program serves; accounts are read while no request is under way."""

    def __init__(self, channel: Channel, program: Program, job: dict[str, Any]) -> None:
        self._channel, self._program, self._traced = channel, program, job["traced"]
        self._window = Window(program.tree.account)
        self._listening = False
        signal.signal(signal.SIGCHLD, self._child_ended)

    def answer(self) -> NoReturn:
        """Raises `LabError` when the program ends by itself."""
        answers = {"memory": self._memory, "begin": self._begin, "end": self._end, "tell": self._tell}
        while True:
            answers[self._command()]()

    def _command(self) -> str:
        self._listening = True
        try:
            self._program.check_running()
            return self._channel.command()
        finally:
            self._listening = False

    def _child_ended(self, _number: int, _frame: object) -> None:
        """Only a wait for the parent may be broken off; everything else looks for itself."""
        if self._listening:
            self._program.check_running()

    def _memory(self) -> None:
        self._channel.report("resident", bytes=self._program.tree.resident_bytes())

    def _begin(self) -> None:
        self._window.begin()
        if self._traced:
            marks.leave("begin", "started")
        self._channel.report("begun")

    def _end(self) -> None:
        if self._traced:
            marks.leave("end", "started")
        self._window.end()
        self._channel.report("ended")

    def _tell(self) -> None:
        peak = self._program.tree.peak_rss_bytes()
        self._channel.report("used", **self._window.used(), peak_rss_bytes=peak)


if __name__ == "__main__":
    main()
