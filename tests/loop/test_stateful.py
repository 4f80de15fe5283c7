"""Whatever a program does, it sees the same callbacks in the same turns as on asyncio's loop.

Hypothesis makes up the programs: timers, cancellations, readers and writers, closes, reused descriptors,
calls from threads, half-closes; what fails is reduced to the shortest program that does. The seed is
fixed, but Hypothesis mixes in constants of the modules that are loaded: this file alone and the whole suite
try different programs.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

import backends
from backends.scripted_backend import FakeClock
from lab.loop.loop import Loop
from tests.backends.conftest import open_by_name
from tests.loop.world import CHANNELS, World

SELECTORS = {
    "select": "SelectSelector",
    "poll": "PollSelector",
    "epoll": "EpollSelector",
    "epoll-et": "EpollSelector",
    "kqueue": "KqueueSelector",
}
"""asyncio's counterpart: what counts as ready after a hang-up differs between the system calls."""

TESTED = [name for name in SELECTORS if backends.unavailable(name) is None]

SETTINGS = settings(
    max_examples=30,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

WHEN = st.sampled_from(["now", "soon", "thread", "timer"])
DELAYS = st.integers(-1, 3)
NUMBERS = st.integers(0, CHANNELS - 1)
MANNERS = st.sampled_from(
    ["leave", "take one", "take all", "remove", "replace", "swap", "reopen", "reuse", "fail"]
)
CHANGES = st.sampled_from(
    [
        World.drain,
        World.fill,
        World.shut_ours,
        World.shut_theirs,
        World.hang_up,
        World.reopen,
        World.duplicate,
    ]
)
PERHAPS = st.sampled_from(["", "leave", "take all", "remove"])


def asyncio_loop(name: str, clock: FakeClock) -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop(getattr(selectors, SELECTORS[name])())
    loop.time = clock  # type: ignore[method-assign]
    return loop


class Programs(RuleBasedStateMachine):
    """Every step is taken in both worlds; after each turn their logs are compared."""

    def __init__(self, name: str, seen: Counter[str]) -> None:
        """``seen``: how often which kind of callback was compared."""
        super().__init__()
        self.seen = seen
        clock = FakeClock()
        self.ours = World(Loop(open_by_name(name), clock=clock), clock)
        self.idle = dict(self.ours.loop.backend.interest)
        clock = FakeClock()
        self.theirs = World(asyncio_loop(name, clock), clock)

    def both(self, operate: Callable[[World], object]) -> None:
        operate(self.ours)
        operate(self.theirs)

    def later(self, when: str, delay: int, method: Callable[..., object], *arguments: object) -> None:
        self.both(lambda world: world.perform(when, delay, lambda each: method(each, *arguments)))

    @rule(count=st.integers(1, 4))
    def take_turns(self, count: int) -> None:
        for _ in range(count):
            log = self.ours.turn()
            assert log == self.theirs.turn()
            self.seen.update(what[0] if what[0] == "won" else phase for phase, _, what in log)

    @rule(seconds=st.integers(1, 2))
    def time_passes(self, seconds: int) -> None:
        self.both(lambda world: world.advance(seconds))

    @rule(when=WHEN, delay=DELAYS, number=NUMBERS, manner=MANNERS, direction=st.booleans())
    def add(self, when: str, delay: int, number: int, manner: str, direction: bool) -> None:
        self.later(when, delay, World.add_reader if direction else World.add_writer, number, manner)

    @rule(when=WHEN, delay=DELAYS, number=NUMBERS, direction=st.booleans())
    def remove(self, when: str, delay: int, number: int, direction: bool) -> None:
        self.later(when, delay, World.remove_reader if direction else World.remove_writer, number)

    @rule(when=WHEN, delay=DELAYS, number=NUMBERS, count=st.integers(1, 3))
    def send(self, when: str, delay: int, number: int, count: int) -> None:
        self.later(when, delay, World.send, number, count)

    @rule(
        when=WHEN,
        delay=DELAYS,
        number=NUMBERS,
        method=CHANGES,
    )
    def change(self, when: str, delay: int, number: int, method: Callable[..., object]) -> None:
        self.later(when, delay, method, number)

    @rule(when=WHEN, delay=DELAYS, number=NUMBERS, readers=PERHAPS, writers=PERHAPS)
    def reuse(self, when: str, delay: int, number: int, readers: str, writers: str) -> None:
        self.later(when, delay, World.reuse, number, readers, writers)

    @rule(when=WHEN, delay=DELAYS, which=st.integers(0, 9), timer=st.booleans())
    def cancel(self, when: str, delay: int, which: int, timer: bool) -> None:
        self.later(when, delay, World.cancel_timer if timer else World.cancel_call, which)

    @rule(when=st.sampled_from(["soon", "thread", "timer"]), delay=DELAYS)
    def fail(self, when: str, delay: int) -> None:
        self.later(when, delay, World.fail)

    @rule(count=st.integers(101, 250))
    def many_timers(self, count: int) -> None:
        self.both(lambda world: world.make_and_cancel_timers(count))

    @rule(
        numbers=st.lists(NUMBERS, min_size=2, max_size=2, unique=True),
        readers=PERHAPS,
        writers=PERHAPS,
        sent=st.integers(0, 2),
    )
    def duel(self, numbers: list[int], readers: str, writers: str, sent: int) -> None:
        self.take_turns(3)  # nothing else may be under way
        self.both(lambda world: world.prepare_duel(*numbers, readers, writers, sent))
        self.take_turns(1)

    def teardown(self) -> None:
        for number in range(CHANNELS):
            self.both(lambda world, number=number: world.close_channel(number))
        interest = dict(self.ours.loop.backend.interest)
        self.both(World.close)
        assert interest == self.idle, "what is closed is not watched any more"


@pytest.mark.timeout(600)  # a failure is reduced before it is shown
@pytest.mark.parametrize("name", TESTED)
def test_programs_see_the_same_as_on_asyncio(name: str) -> None:
    seen: Counter[str] = Counter()
    run_state_machine_as_test(functools.partial(Programs, name, seen), settings=SETTINGS)
    assert min(seen[kind] for kind in ("call", "descriptor", "spawned", "won")) >= 10, seen
