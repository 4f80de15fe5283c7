"""Happy eyeballs: attempts that start one after the other and go on side by side; the first to succeed wins.

A host with an IPv6 and an IPv4 address may be reachable by only one of them, and the other may take minutes
to say so. So the next attempt does not wait for the one before to fail, only for a short while (RFC 8305).

Rule: nothing is left running and no result is lost. Losers are cancelled and waited for; what one of them
achieved nevertheless, in the same turn as the winner, is handed back to be given up.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Attempt = Callable[[], Coroutine[Any, Any, T]]


async def first_success(
    attempts: Iterable[Attempt[T]], delay: float, give_up: Callable[[T], object]
) -> T | None:
    """The result of the first of ``attempts`` that does not raise OSError; None if all do.

    The next one starts after ``delay`` seconds, or as soon as another fails. ``give_up`` gets the results
    that came too late. Any exception but OSError ends the race and is raised.
    """
    loop = asyncio.get_running_loop()
    to_come = list(attempts)[::-1]
    running: set[asyncio.Future[T]] = set()
    try:
        while to_come or running:
            if to_come:
                running.add(loop.create_task(to_come.pop()()))
            patience = delay if to_come else None
            done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not isinstance(task.exception(), OSError):
                    running.discard(task)
                    return task.result()
            running -= done
        return None
    finally:
        await _end(running, give_up)


async def _end(running: set[asyncio.Future[T]], give_up: Callable[[T], object]) -> None:
    """Cancel what is still running, and give up what it has achieved."""
    for task in running:
        task.cancel()
    for result in await asyncio.gather(*running, return_exceptions=True):
        if not isinstance(result, BaseException):
            give_up(result)


def interleaved(found: Sequence[tuple[Any, ...]], first: int) -> list[tuple[Any, ...]]:
    """getaddrinfo's answers, ``first`` of the first family, then the families in turns; 0: as they come."""
    if not first:
        return list(found)
    families: dict[int, list[tuple[Any, ...]]] = {}
    for each in found:
        families.setdefault(each[0], []).append(each)
    preferred = next(iter(families.values()), [])
    head, preferred[:] = preferred[: first - 1], preferred[first - 1 :]
    in_turns = itertools.chain.from_iterable(itertools.zip_longest(*families.values()))
    return [*head, *(each for each in in_turns if each is not None)]
