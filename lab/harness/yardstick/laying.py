"""The yardstick, seen from the parent: two processes for a block of samples, and the readings of each sample.

Rules
- It is laid on while everything else is at rest, and is itself at rest in a slice.
- Where server and load have no cores of their own the yardstick would tell the speed of any core, and is not
  laid on. Nor is it in a pass that is traced.
- Trouble with it fails the sample that asked: its figures could not be compared. The next one finds new
  processes.
"""

from __future__ import annotations

import contextlib
from typing import Any

from lab.harness.children import Child, ChildFailure, Children
from lab.harness.machine.cores import Cores

ANSWER_S = 10.0
"""A yardstick takes a millisecond or two; after so long something is wrong."""


class Yardstick:
    """Two processes, started when they are first needed; leaving ends them."""

    def __init__(self, cores: Cores) -> None:
        self._cores = cores
        self._opened = contextlib.ExitStack()
        self._children: Children | None = None

    def __enter__(self) -> Yardstick:
        return self

    def __exit__(self, *exception: object) -> None:
        self._children = None
        self._opened.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes, the one on the server's core first; empty while there are none."""
        return (self._near.pid, self._far.pid) if self._children else ()

    def lay_on(self, exchanges: bool) -> dict[str, Any]:
        """``work_ns``, and ``exchange_ns`` (None without ``exchanges``): CPU time on the server's core now.

        Raises `ChildFailure` when its processes fail or do not answer, `OSError` when they cannot be started.
        """
        try:
            if self._children is None:
                self._start()
            self._children.begin_anew()
            self._near.send("work and exchanges" if exchanges else "work")
            return self._children.expect(self._near, "laid on", "the yardstick to be laid on")
        except (ChildFailure, OSError) as failure:
            self._children = None
            self._opened.__exit__(type(failure), failure, failure.__traceback__)
            raise

    def _start(self) -> None:
        children = self._children = self._opened.enter_context(Children(ANSWER_S))
        self._near = children.start("yardstick", "lab.harness.yardstick.near", {"core": self._cores.server})
        listening = children.expect(self._near, "listening", "the yardstick to listen")
        job = {"core": self._cores.loads[0], "address": listening["address"]}
        self._far: Child = children.start("the yardstick's far end", "lab.harness.yardstick.far", job)
        children.expect(self._near, "ready", "the yardstick's far end to connect")


class Readings:
    """Those of one sample, two for each slice of its window."""

    def __init__(self, yardstick: Yardstick | None, exchanges: bool) -> None:
        """``yardstick`` None: nothing is laid on. ``exchanges``: whether a load is part of the sample."""
        self._yardstick, self._exchanges = yardstick, exchanges
        self._laid_on: list[dict[str, Any]] = []

    def take(self) -> None:
        """Lay it on."""
        if self._yardstick:
            self._laid_on.append(self._yardstick.lay_on(self._exchanges))

    def figures(self) -> dict[str, tuple[int, ...]]:
        """Under the names of `lab.results.Sample`'s fields."""
        return {
            "yardstick_ns": tuple(each["work_ns"] for each in self._laid_on),
            "exchange_ns": tuple(each["exchange_ns"] for each in self._laid_on) if self._exchanges else (),
        }
