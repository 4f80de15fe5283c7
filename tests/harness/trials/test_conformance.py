"""What precedes timing: good loops pass every check, and each check catches the loop that breaks it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.harness import subjects
from lab.harness.trials import conformance, conformance_checks
from lab.harness.trials.conformance import Loop, deviation
from lab.harness.trials.conformance_checks import CHECKS, PAYLOAD
from tests.harness.loops_for_tests import BareLoop, DeafLoop, ServerlessLoop

NAMES = [each.name for each in CHECKS]


def found(new_loop: Callable[[], Loop]) -> dict[str, str]:
    """The checks that loops from ``new_loop`` fail."""
    results = {each.name: deviation(new_loop, each) for each in CHECKS}
    return {name: said for name, said in results.items() if said}


@pytest.mark.parametrize("name", ["asyncio", "uvloop", "poll"])
def test_a_good_loop_passes_every_check(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := subjects.unavailable(name):
        pytest.skip(f"{name}: {reason}")
    monkeypatch.setattr(conformance, "PATIENCE_S", 30.0)
    monkeypatch.setattr(conformance_checks, "UNCALLED_S", 30.0)
    assert found(subjects.factory(name)) == {}


class LastInFirstOut(asyncio.SelectorEventLoop):
    def call_soon(self, *args: Any, **more: Any) -> asyncio.Handle:
        handle = super().call_soon(*args, **more)
        self._ready.rotate(1)  # type: ignore[attr-defined]
        return handle


class Contextless(asyncio.SelectorEventLoop):
    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        return super().call_soon(callback, *args)


class Unstoppable(asyncio.SelectorEventLoop):
    class Handle:
        def cancel(self) -> None:
            return

    def call_soon(self, *args: Any, **more: Any) -> Any:
        super().call_soon(*args, **more)
        return self.Handle()


class Hasty(asyncio.SelectorEventLoop):
    def call_later(self, delay: float, *args: Any, **more: Any) -> asyncio.TimerHandle:
        return super().call_later(0 if delay < 1 else delay, *args, **more)


class Forgiving(asyncio.SelectorEventLoop):
    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except ZeroDivisionError:
            return None


class Silent(asyncio.SelectorEventLoop):
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        return


class Sleepy(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *args: Any, **more: Any) -> None:
        return


class Threadless(asyncio.SelectorEventLoop):
    def run_in_executor(self, executor: Any, function: Any, *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        future.set_result(function(*args))
        return future


class Garbling(asyncio.SelectorEventLoop):
    async def sock_sendall(self, sock: socket.socket, data: bytes) -> None:
        await super().sock_sendall(sock, data[:700] + b"?" + data[701:] if len(data) > 700 else data)


class Blocking(asyncio.SelectorEventLoop):
    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        accepted, address = await super().sock_accept(sock)
        accepted.settimeout(5)
        return accepted, address


class Discreet(asyncio.SelectorEventLoop):
    """Tells no server that a connection has ended."""

    async def create_server(self, factory: Any, *args: Any, **more: Any) -> asyncio.Server:
        def untold() -> asyncio.Protocol:
            protocol = factory()
            protocol.connection_lost = lambda _error: None
            return protocol

        return await super().create_server(untold, *args, **more)


class Unending(asyncio.SelectorEventLoop):
    async def shutdown_asyncgens(self) -> None:
        raise RuntimeError("there is no end")


@pytest.mark.parametrize(
    ("loop", "name", "said"),
    [
        (LastInFirstOut, "call_soon", "the order, and the context: expected ['first'"),
        (Contextless, "call_soon", "got ['first', 'second', 'third', 'none', 'from the second']"),
        (Unstoppable, "cancelled handles", "what ran after it was cancelled: expected [], got ['callback']"),
        (Hasty, "timers", "the order: expected [0.005, 0.01, 0.015], got [0.015, 0.005, 0.01]"),
        (Forgiving, "futures and tasks", "expected the coroutine's ZeroDivisionError, got none"),
        (Silent, "exception handler", "what it got: expected ['ZeroDivisionError'], got []"),
        (Sleepy, "call_soon_threadsafe", "expected the loop to wake, which did not happen within 0.2 s"),
        (Threadless, "run_in_executor", "in the loop's own thread: expected False, got True"),
        (DeafLoop, "add_reader", "calls while nobody reads, up to the third: expected [1, 1, 1], got []"),
        (Garbling, "sock_recv and sock_sendall", "the first wrong byte: expected None, got 700"),
        (Blocking, "sock_accept and sock_connect", "the accepted socket's timeout: expected 0.0, got 5.0"),
        (Discreet, "create_server and create_connection", "to be told that it has ended, which did not"),
        (Unending, "shutdown", "to stop, to run again, and to close, got RuntimeError: there is no end"),
    ],
)
def test_each_check_catches_the_loop_that_breaks_it(
    loop: Callable[[], Loop], name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance_checks, "UNCALLED_S", 0.1)
    if said.endswith("within 0.2 s"):
        monkeypatch.setattr(conformance, "PATIENCE_S", 0.2)
    told = deviation(loop, CHECKS[NAMES.index(name)])
    assert told is not None
    assert said in told


def test_every_check_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("loop", [ServerlessLoop, BareLoop])
def test_what_a_loop_does_not_implement_is_no_failure(loop: Callable[[], Loop]) -> None:
    assert found(loop) == {}


def test_a_method_that_is_not_there_at_all_is_not_implemented_either() -> None:
    class Armless:
        """A loop that inherits nothing, and has no servers."""

        def __init__(self) -> None:
            self._loop = asyncio.SelectorEventLoop()

        def __getattr__(self, name: str) -> Any:
            if name == "create_server":
                raise AttributeError("no servers", name=name, obj=self)
            return getattr(self._loop, name)

    assert deviation(Armless, CHECKS[NAMES.index("create_server and create_connection")]) is None


def test_the_payload_is_more_than_a_socket_takes_at_once() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        assert near.send(PAYLOAD) < len(PAYLOAD)
