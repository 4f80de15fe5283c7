"""Happy eyeballs: who starts when, who wins, and that nobody is left running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lab.loop.loop import Loop
from lab.loop.racing import first_success, interleaved


class Race:
    """Attempts that end after a time of the loop's clock, and what became of them."""

    def __init__(self) -> None:
        self.started: list[tuple[str, float]] = []
        self.cancelled: list[str] = []
        self.given_up: list[str] = []

    def attempt(
        self, name: str, seconds: float, error: Exception | None = None, stubborn: bool = False
    ) -> Callable[[], Coroutine[Any, Any, str]]:
        async def run() -> str:
            self.started.append((name, asyncio.get_running_loop().time()))
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.cancelled.append(name)
                if not stubborn:
                    raise
            if error is not None:
                raise error
            return name

        return run


def run_race(loop: Loop, race: Race, *attempts: Any, delay: float = 0.25) -> str | None:
    return loop.run_until_complete(first_success(attempts, delay, race.given_up.append))


def test_the_next_starts_after_the_delay_and_the_losers_are_cancelled(fake_loop: Loop) -> None:
    race, start = Race(), fake_loop.time()
    slow, quick, late = race.attempt("slow", 9), race.attempt("quick", 0.1), race.attempt("late", 0)
    assert run_race(fake_loop, race, slow, quick, late) == "quick"
    assert race.started == [("slow", start), ("quick", pytest.approx(start + 0.25))]
    assert race.cancelled == ["slow"]
    assert race.given_up == []


def test_a_failure_lets_the_next_start_at_once(fake_loop: Loop) -> None:
    race, start = Race(), fake_loop.time()
    refused = race.attempt("refused", 0.1, OSError("refused"))
    assert run_race(fake_loop, race, refused, race.attempt("next", 1)) == "next"
    assert race.started == [("refused", start), ("next", pytest.approx(start + 0.1))]


def test_a_slow_first_may_still_win(fake_loop: Loop) -> None:
    race = Race()
    assert run_race(fake_loop, race, race.attempt("first", 1), race.attempt("second", 5)) == "first"
    assert race.cancelled == ["second"]


def test_where_all_fail_nobody_wins(fake_loop: Loop) -> None:
    race = Race()
    attempts = [race.attempt(str(number), 0.1, OSError(number)) for number in range(3)]
    assert run_race(fake_loop, race, *attempts) is None
    assert len(race.started) == 3


def test_what_came_too_late_is_given_up(fake_loop: Loop) -> None:
    race = Race()
    stubborn = race.attempt("stubborn", 9, stubborn=True)
    assert run_race(fake_loop, race, stubborn, race.attempt("quick", 0)) == "quick"
    assert race.given_up == ["stubborn"]


def test_two_that_win_in_the_same_turn_are_told_apart(fake_loop: Loop) -> None:
    race = Race()
    winner = run_race(fake_loop, race, race.attempt("a", 0.25), race.attempt("b", 0.0), delay=0.25)
    assert winner in ("a", "b")
    assert race.given_up + race.cancelled == [
        name for name in ("a", "b")[: len(race.started)] if name != winner
    ]


def test_an_unexpected_error_ends_the_race(fake_loop: Loop) -> None:
    race = Race()
    with pytest.raises(ZeroDivisionError):
        run_race(fake_loop, race, race.attempt("slow", 9), race.attempt("bug", 0, ZeroDivisionError()))
    assert race.cancelled == ["slow"]


def test_a_cancelled_race_leaves_nobody_running(fake_loop: Loop) -> None:
    race = Race()

    async def main() -> None:
        await asyncio.wait_for(first_success([race.attempt("slow", 9)], 0.25, race.given_up.append), 1)

    with pytest.raises(TimeoutError):
        fake_loop.run_until_complete(main())
    assert race.cancelled == ["slow"]


@pytest.mark.parametrize(
    ("first", "order"), [(0, "aaabb"), (1, "ababa"), (2, "aabab"), (3, "aaabb"), (9, "aaabb")]
)
def test_families_take_turns_after_some_of_the_first(first: int, order: str) -> None:
    families = {"a": 1, "b": 2}
    found = [(families[name], number) for number, name in enumerate("aaabb")]
    assert "".join("ab"[family - 1] for family, _ in interleaved(found, first)) == order
    assert sorted(interleaved(found, first)) == sorted(found)
    assert interleaved([], first) == []
