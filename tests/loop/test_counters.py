"""``loop.counters()``: what a program cost the kernel, in numbers that repeat."""

from __future__ import annotations

import asyncio

from backends.contract import READ
from backends.scripted_backend import ScriptedBackend
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, run_turns, turns


def spent(loop: Loop, before: dict[str, int]) -> dict[str, int]:
    return {name: value - before[name] for name, value in loop.counters().items()}


def test_a_new_loop_has_done_nothing(loop: Loop) -> None:
    assert loop.counters() == dict.fromkeys(
        ("waits", "events", "interest_changes", "unwanted_events", "would_block"), 0
    )


def test_each_turn_waits_once(fake_loop: Loop, scripted: ScriptedBackend) -> None:
    run_turns(fake_loop, 5)
    assert fake_loop.counters()["waits"] == 5
    assert [call[0] for call in scripted.calls].count("wait") == 5


def test_an_event_is_counted_once_whoever_waits(fake_loop: Loop, scripted: ScriptedBackend) -> None:
    fake_loop.add_reader(41, fake_loop.remove_reader, 41)
    scripted.tell(41, READ)
    run_turns(fake_loop, 3)
    counters = fake_loop.counters()
    assert (counters["events"], counters["unwanted_events"]) == (1, 0)
    changes = [call for call in scripted.calls[1:] if call[0] in ("register", "modify", "unregister")]
    assert counters["interest_changes"] == len(changes) == 2


def test_a_hundred_echoes_change_no_interest_and_rarely_block(loop: Loop, run: Run, pair: Pair) -> None:
    ours, theirs = pair

    async def echo() -> None:
        while data := await loop.sock_recv(ours, 100):
            await loop.sock_sendall(ours, data)

    async def main() -> dict[str, int]:
        task = loop.create_task(echo())
        for each in range(101):
            if each == 1:
                before = loop.counters()
            await loop.sock_sendall(theirs, b"ping")
            assert await loop.sock_recv(theirs, 100) == b"ping"
        cost = spent(loop, before)
        theirs.close()
        await task
        return cost

    cost = run(main())
    assert cost["events"] == 200, "one for each message"
    assert cost["interest_changes"] <= 2
    assert cost["unwanted_events"] == 0
    assert 190 <= cost["waits"] <= 210, "each message ends one wait"
    if loop.backend.trigger == "level":
        assert cost["would_block"] == 0, "after a read that drained the socket, the next one waits"


def test_what_nobody_waits_for_is_counted_and_comes_no_more(loop: Loop, run: Run, pair: Pair) -> None:
    ours, theirs = pair

    async def main() -> dict[str, int]:
        task = loop.create_task(loop.sock_recv(ours, 100))
        await turns(2)
        task.cancel()
        await turns(2)
        before = loop.counters()
        theirs.send(b"!")
        await turns(20)
        return spent(loop, before)

    cost = run(main())
    assert (cost["events"], cost["unwanted_events"]) == (1, 1)
    assert cost["interest_changes"] == (0 if loop.backend.trigger == "edge" else 1)
    assert run(loop.sock_recv(ours, 100)) == b"!"


def test_a_system_call_that_finds_nothing_is_counted(loop: Loop, run: Run, pair: Pair) -> None:
    async def main() -> None:
        first = loop.create_task(loop.sock_recv(pair[0], 100))
        await turns(2)
        first.cancel()
        await asyncio.wait([first])

    run(main())
    assert loop.counters()["would_block"] == 1, "the first read of a socket tries first"
