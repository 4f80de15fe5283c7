"""Handles: what was promised, taken back, and shown."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref

import pytest

from lab.loop.handle import TimerHandle
from lab.loop.loop import Loop
from tests.loop.conftest import Pair, run_turns

colour = contextvars.ContextVar("colour", default="none")


class Thing:
    pass


def test_handles_are_asyncios_by_type(fake_loop: Loop) -> None:
    soon, later = fake_loop.call_soon(print), fake_loop.call_later(1, print)
    assert isinstance(soon, asyncio.Handle)
    assert isinstance(later, asyncio.TimerHandle)
    assert not soon.cancelled()
    assert later.when() == 1
    soon.cancel()


def test_a_cancelled_handle_is_not_called_and_lets_go_of_what_it_held(fake_loop: Loop) -> None:
    calls: list[str] = []
    thing = Thing()
    gone = weakref.ref(thing)
    handle = fake_loop.call_soon(lambda _: calls.append("cancelled"), thing)
    fake_loop.call_soon(calls.append, "kept")
    handle.cancel()
    handle.cancel()
    del thing
    assert gone() is None, "at once, not when its turn comes"
    run_turns(fake_loop)
    assert (calls, handle.cancelled()) == (["kept"], True)


def test_a_callback_runs_in_the_context_of_its_caller(fake_loop: Loop) -> None:
    seen: list[str] = []
    token = colour.set("red")
    fake_loop.call_soon(lambda: seen.append(colour.get()))
    colour.reset(token)
    fake_loop.call_soon(lambda: seen.append(colour.get()))
    run_turns(fake_loop)
    assert seen == ["red", "none"]


def test_a_callback_runs_in_the_context_that_was_given(fake_loop: Loop) -> None:
    given = contextvars.copy_context()
    fake_loop.call_soon(colour.set, "soon", context=given)
    run_turns(fake_loop)
    assert given[colour] == "soon"
    fake_loop.call_later(1, colour.set, "later", context=given)
    fake_loop.call_later(2, fake_loop.stop)
    fake_loop.run_forever()
    assert given[colour] == "later"
    fake_loop.call_soon_threadsafe(colour.set, "from a thread", context=given)
    run_turns(fake_loop, 2)
    assert given[colour] == "from a thread"


def test_a_readers_callback_runs_in_the_context_of_add_reader(loop: Loop, pair: Pair) -> None:
    ours, theirs = pair
    seen: list[str] = []

    def heed() -> None:
        seen.append(colour.get())
        loop.remove_reader(ours)
        loop.stop()

    contextvars.copy_context().run(lambda: (colour.set("blue"), loop.add_reader(ours, heed)))
    theirs.send(b"!")
    loop.run_forever()
    assert seen == ["blue"]


def test_timers_of_different_times_can_be_compared_as_asyncios(fake_loop: Loop) -> None:
    early, late = fake_loop.call_at(1, print), fake_loop.call_at(2, print)
    assert early < late
    assert early == early
    assert hash(early) == hash(early.when())


def test_a_handles_repr_names_its_callback_or_says_cancelled(fake_loop: Loop) -> None:
    handle = fake_loop.call_soon(run_turns, "argument")
    assert "run_turns(" in repr(handle)
    handle.cancel()
    assert "cancelled" in repr(handle)
    timer = fake_loop.call_at(17.5, run_turns)
    assert "when=17.5" in repr(timer)
    timer.cancel()


@pytest.mark.parametrize("ask", ["call_soon", "call_later", "call_at", "call_soon_threadsafe"])
def test_debug_mode_remembers_the_line_that_asked(fake_loop: Loop, ask: str) -> None:
    fake_loop.set_debug(True)
    arguments = (1, print) if ask in ("call_later", "call_at") else (print,)
    handle = getattr(fake_loop, ask)(*arguments)
    last = handle._source_traceback[-1]
    assert (last.filename, last.name) == (__file__, "test_debug_mode_remembers_the_line_that_asked")
    assert f"created at {__file__}" in repr(handle)
    handle.cancel()
    run_turns(fake_loop, 2)


def test_without_debug_mode_nothing_is_remembered(fake_loop: Loop) -> None:
    handle = fake_loop.call_soon(print)
    assert handle._source_traceback is None
    handle.cancel()


def test_a_handle_leaves_no_cycle_behind(fake_loop: Loop) -> None:
    gc.disable()
    try:
        gone = [weakref.ref(fake_loop.call_soon(Thing)), weakref.ref(fake_loop.call_later(0, Thing))]
        run_turns(fake_loop, 2)
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()


def test_a_timer_that_ran_can_be_cancelled_late(fake_loop: Loop) -> None:
    calls: list[TimerHandle] = []
    timer: TimerHandle = fake_loop.call_later(1, lambda: calls.append(timer))
    fake_loop.call_later(2, fake_loop.stop)
    fake_loop.run_forever()
    timer.cancel()
    assert calls == [timer]
    assert fake_loop._cancelled_timers == 0, "it is not in the heap any more"
