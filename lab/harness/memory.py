"""What connections take of the server's memory: while they are open, and once they are closed.

Three readings of its resident memory make the figures: after the first batch of connections, after all, and
after all have gone. The first batch pays what is needed once: code that runs for the first time, buffers,
grown tables. What is left at the end belongs to the loop's free lists and to the allocator, or is a leak.
"""

from __future__ import annotations

import json
import time
from typing import Any

from lab.harness.children import Child, ChildFailure, Children
from lab.harness.loads import Loads

FEWEST_CONNECTIONS = 1000
"""Below it a connection's share of the resident memory drowns in what else moves by a few pages."""
CLOSING_S = 15.0
"""Seconds that a server may take to close its side of all connections."""
LOOK_S = 0.01


class ConnectionMemory:
    """The readings of one sample."""

    def __init__(self, children: Children, server: Child, loads: Loads) -> None:
        self._children, self._server, self._loads = children, server, loads
        self._readings: list[dict[str, Any]] = []

    def open(self, address: object) -> None:
        """Have the load connect to ``address``, and read the memory after the first batch and after all."""
        for command in (json.dumps(address), "go on"):
            self._loads.connect(command)
            self._readings.append(self._read())

    def close(self) -> None:
        """Have the load close all connections, and read the memory once the server has closed them, too.

        Raises `ChildFailure` if it keeps some open for longer than ``CLOSING_S``. Where there are too few to
        tell anything, nothing is done.
        """
        if self._loads.connections < FEWEST_CONNECTIONS:
            return
        self._loads.close()
        closed = self._readings[0]["descriptors"] - self._loads.first_batch
        until = time.monotonic() + CLOSING_S
        while (reading := self._read())["descriptors"] > closed:
            if time.monotonic() > until:
                left = reading["descriptors"] - closed
                expected = (
                    f"expected all connections to be closed within {CLOSING_S:g} s of their clients' end"
                )
                raise ChildFailure(self._server, f"{expected}, {left:,} are still open")
            time.sleep(LOOK_S)
        self._readings.append(reading)

    def figures(self) -> dict[str, float | None]:
        """What was found, under the names of `lab.results.Sample`'s fields."""
        first, *later = (reading["bytes"] for reading in self._readings)
        measured = self._loads.connections - self._loads.first_batch
        told = self._loads.connections >= FEWEST_CONNECTIONS
        each = [(resident - first) / measured if told else None for resident in later]
        return {"connection_bytes": each[0], "kept_connection_bytes": each[1] if len(each) > 1 else None}

    def _read(self) -> dict[str, Any]:
        self._server.send("memory")
        return self._children.expect(self._server, "resident", "the server to read its memory")
