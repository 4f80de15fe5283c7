"""The measured process: one subject under one scenario, for one sample.

It is started anew for every sample (``python -m lab.harness.measured.worker``) and does what its job says. A
workload that drives itself reads its own accounts. Beside a server a *control thread* waits for the parent's
commands and answers them, so that every loop, and the floor, which has none, are treated alike, and nothing
runs in the loop on the harness's behalf. While it waits it holds neither the interpreter's lock nor a core.
Its price is paid by all subjects alike: in a process with a second thread each system call on a descriptor
and each malloc costs some nanoseconds more.

The garbage collector is left as the subject finds it: what it costs is part of the subject's price.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.harness import subjects
from lab.harness.channel import Channel
from lab.harness.latency import latency_record
from lab.harness.machine import allocator
from lab.harness.measured import marks, observer
from lab.harness.measured.listener import listen
from lab.harness.measured.window import Window
from lab.harness.slices import TAKE_UP_S, is_whole
from lab.workloads.contract import Exercise, ExerciseByHand, InProcessWorkload, ServedWorkload, Timed
from lab.workloads.registry import workload

if TYPE_CHECKING:
    from lab.results import ProgramRecord


def main() -> None:
    """Run the job that comes on the standard input. Never returns: the parent ends this process."""
    channel = Channel()
    job = channel.start()
    try:
        if job["allocator"] == allocator.SEASONED:
            allocator.season()
        elif job["allocator"] == allocator.FRESH:
            allocator.keep_fresh()
        work = workload(job["workload"], _program(job))
        if isinstance(work, ServedWorkload):
            _serve(channel, job, work)
            raise RuntimeError("the server ended by itself; expected it to serve until it is stopped")
        if isinstance(work, InProcessWorkload):
            with work.surroundings(job["values"], job["core_beside"]) or contextlib.nullcontext():
                _exercise(channel, job, work)
        channel.command()
    except BaseException as error:
        channel.fail(error, sentences=(LabError,))
    os._exit(0)


def _program(job: dict[str, Any]) -> ProgramRecord | None:
    if job["program"] is None:
        return None
    from lab.results import ProgramRecord

    return ProgramRecord(**job["program"])


def _serve(channel: Channel, job: dict[str, Any], work: ServedWorkload) -> None:
    loop = None if job["subject"] == subjects.FLOOR else _new_loop(channel, job)
    listener = listen(work.wire, job["path"])
    control = threading.Thread(target=_control, args=(channel, loop, job), name="control", daemon=True)
    control.start()
    channel.report("listening", address=listener.getsockname(), pinned=job["pinned"])
    if loop is None:
        work.serve_by_hand(listener)
    else:
        loop.run_until_complete(work.serve(listener))


def _new_loop(channel: Channel, job: dict[str, Any]) -> asyncio.AbstractEventLoop:
    loop = subjects.factory(job["subject"])()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda _loop, context: channel.fail(_error_of(context)))
    return loop


def _error_of(context: dict[str, Any]) -> BaseException:
    return context.get("exception") or RuntimeError(f"the loop reported: {context.get('message')}")


def _control(channel: Channel, loop: asyncio.AbstractEventLoop | None, job: dict[str, Any]) -> None:
    """Answer the parent while the server serves. Accounts are read while no request is under way."""
    try:
        window = Window(lambda: observer.account(loop))
        while True:
            command = channel.command()
            if command == "memory":
                channel.report(
                    "resident", bytes=observer.resident_bytes(), descriptors=observer.open_descriptors()
                )
            elif command == "begin":
                window.begin()
                if job["traced"]:
                    marks.leave("begin", "others")
                channel.report("begun")
            elif command == "end":
                if job["traced"]:
                    marks.leave("end", "others")
                window.end()
                channel.report("ended")
            else:
                channel.report("used", **window.used(), peak_rss_bytes=observer.peak_rss_bytes())
    except BaseException as error:
        channel.fail(error)


def _exercise(channel: Channel, job: dict[str, Any], work: InProcessWorkload) -> None:
    """Warm up and measure a workload that drives itself; report what the window took.

    Between two slices the loop's thread waits for the parent, and so does everything that runs on it.
    """
    if job["subject"] == subjects.FLOOR:
        with work.by_hand(job["values"]) as by_hand:
            by_hand.run(job["warmup_s"])
            window = _OwnWindow(channel, by_hand, None, job)
            while window.is_wanted():
                by_hand.run(TAKE_UP_S)
                window.begin()
                window.ran(by_hand.run(job["slice_s"]))
    else:
        loop = _new_loop(channel, job)
        with work.on_loop(loop, job["values"]) as exercise:
            window = loop.run_until_complete(_measure(channel, exercise, loop, job))
    channel.report("measured", **window.figures(), pinned=job["pinned"])


async def _measure(
    channel: Channel, exercise: Exercise, loop: asyncio.AbstractEventLoop, job: dict[str, Any]
) -> _OwnWindow:
    await exercise.run(job["warmup_s"])
    window = _OwnWindow(channel, exercise, loop, job)
    while window.is_wanted():
        await exercise.run(TAKE_UP_S)
        window.begin()
        window.ran(await exercise.run(job["slice_s"]))
    return window


class _OwnWindow:
    """The window of an in-process workload: slices, until they are as long as planned."""

    def __init__(
        self,
        channel: Channel,
        exercise: Exercise | ExerciseByHand,
        loop: object | None,
        job: dict[str, Any],
    ) -> None:
        self._channel, self._job = channel, job
        self._latencies_ns = exercise.latencies_ns if isinstance(exercise, Timed) else []
        self._latencies_ns.clear()
        self._latencies_kept = 0
        self._operations, self._window_s = 0, 0.0
        self._window = Window(lambda: observer.account(loop))
        channel.report("ready")

    def is_wanted(self) -> bool:
        """Wait for the parent's word: another slice, or (False) to be told what was used."""
        return self._channel.command() != "tell"

    def begin(self) -> None:
        """A slice begins. What was done until now belongs to none."""
        del self._latencies_ns[self._latencies_kept :]
        self._window.begin()
        if self._job["traced"]:
            marks.leave("begin", "own")
        self._began_s = time.perf_counter()

    def ran(self, operations: int) -> None:
        """The slice has ended, with so many ``operations``."""
        self._operations += operations
        self._latencies_kept = len(self._latencies_ns)
        self._window_s += time.perf_counter() - self._began_s
        if self._job["traced"]:
            marks.leave("end", "own")
        self._window.end()
        self._channel.report("ended", whole=is_whole(self._window_s, self._job))

    def figures(self) -> dict[str, Any]:
        """What was done and used in it."""
        latency = latency_record(self._latencies_ns)
        return {
            "operations": self._operations,
            "window_s": self._window_s,
            **self._window.used(),
            "peak_rss_bytes": observer.peak_rss_bytes(),
            "latency": asdict(latency) if latency else None,
        }


if __name__ == "__main__":
    main()
