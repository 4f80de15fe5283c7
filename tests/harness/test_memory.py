"""What connections take of a server's memory, open and closed."""

from __future__ import annotations

from typing import Any

import pytest

from lab.harness import memory as memories
from lab.harness.children import ChildFailure
from lab.harness.memory import ConnectionMemory


class ScriptedServer:
    """A server, its children and its load in one: what it has open follows what the load does."""

    role = "server"
    first_batch = 100

    def __init__(self, connections: int, slow_to_close: int = 0) -> None:
        self.connections, self._slow_to_close = connections, slow_to_close
        self._open = 0
        self._bytes = 1_000_000
        self.closed = False

    def connect(self, _command: str) -> None:
        self._open = self.connections if self._open else self.first_batch
        self._bytes = 1_000_000 + 1000 * self._open

    def close(self) -> None:
        self.closed = True

    def send(self, _command: str) -> None:
        if self.closed and not self._slow_to_close:
            self._open, self._bytes = 0, 1_145_000
        elif self.closed:
            self._slow_to_close -= 1

    def expect(self, _child: object, event: str, _meaning: str) -> dict[str, Any]:
        assert event == "resident"
        return {"bytes": self._bytes, "descriptors": 9 + self._open}


def measured(server: ScriptedServer) -> dict[str, float | None]:
    memory = ConnectionMemory(server, server, server)  # type: ignore[arg-type]
    memory.open(("127.0.0.1", 9))
    memory.close()
    return memory.figures()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "LOOK_S", 0.0)


def test_each_connection_takes_memory_and_leaves_some_behind() -> None:
    assert measured(ScriptedServer(1000)) == {
        "connection_bytes": 1000.0,
        "kept_connection_bytes": pytest.approx(50.0),
    }


def test_the_reading_waits_until_the_server_has_closed_its_side() -> None:
    assert measured(ScriptedServer(1000, slow_to_close=3))["kept_connection_bytes"] == pytest.approx(50.0)


def test_few_connections_tell_nothing_and_are_left_open() -> None:
    server = ScriptedServer(999)
    assert measured(server) == {"connection_bytes": None, "kept_connection_bytes": None}
    assert not server.closed


def test_a_server_that_keeps_connections_open_fails_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "CLOSING_S", 0.0)
    with pytest.raises(ChildFailure, match=r"all connections .* within 0 s .* 1,000 are still open"):
        measured(ScriptedServer(1000, slow_to_close=10**9))
