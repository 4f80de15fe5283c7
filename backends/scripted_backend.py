"""A fake backend for tests: readiness from a script, over a fake clock. Nothing waits, nothing is flaky.

A script says from what time on a descriptor is ready, and for what. A wait returns what is ready now, or else
moves the clock to the next step or to its timeout, whichever comes first. No descriptor needs to exist.
What would block for ever fails instead, with an `AssertionError` that says what was waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from backends.contract import BOTH, INVALID, Backend, Event, checked_mask, checked_new


class FakeClock:
    """A clock that moves only when told to; call it for the time in seconds, as with `time.monotonic`."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``; raises `ValueError` if negative."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock cannot go back; got {seconds!r} seconds")
        self._now += seconds

    def advance_to(self, when: float) -> None:
        """Move on to the time ``when``, exactly; a time that has passed already changes nothing."""
        self._now = max(self._now, when)


class Step(NamedTuple):
    """From the time ``at`` on, ``fd`` is ready for ``mask``; 0: for nothing."""

    at: float
    fd: int
    mask: int


class ScriptedBackend(Backend):
    """Plays ``script``, steps (or plain tuples) in any order, against the interest set.

    ``calls`` lists every call in order, as ``(method, *arguments)``.
    """

    name = "scripted"
    resolution = 1e-9

    def __init__(
        self,
        clock: FakeClock,
        script: Iterable[Step | tuple[float, int, int]] = (),
        trigger: Literal["level", "edge"] = "level",
    ) -> None:
        self.trigger = trigger  # type: ignore[misc]
        self.calls: list[tuple[object, ...]] = []
        self.closed = False
        self._clock = clock
        self._script = deque(sorted(Step(*step) for step in script))
        self._interest: dict[int, int] = {}
        self._ready: dict[int, int] = {}
        self._strays: dict[int, int] = {}
        self._edges: set[int] = set()

    def tell(self, fd: int, mask: int) -> None:
        """Make ``fd`` ready for ``mask`` from now on (0: for nothing), as a step of the script would."""
        self._ready[fd] = mask
        self._edges.add(fd)

    def tell_stray(self, fd: int, mask: int) -> None:
        """Report ``fd`` in every wait, registered or not, until `stray` is called for it."""
        self._strays[fd] = mask

    @property
    def interest(self) -> Mapping[int, int]:
        return self._interest

    def register(self, fd: int, mask: int) -> None:
        self.calls.append(("register", fd, mask))
        self._interest[checked_new(fd, self._interest)] = checked_mask(mask)
        self._edges.add(fd)

    def modify(self, fd: int, mask: int) -> None:
        self.calls.append(("modify", fd, mask))
        if fd not in self._interest:
            raise KeyError(fd)
        self._interest[fd] = checked_mask(mask)
        self._edges.add(fd)

    def unregister(self, fd: int) -> None:
        self.calls.append(("unregister", fd))
        del self._interest[fd]

    def stray(self, fd: int) -> None:
        self.calls.append(("stray", fd))
        self._strays.pop(fd, None)

    def wait(self, timeout: float | None = None) -> Sequence[Event]:
        """Return what is ready, moving the clock on for it if need be.

        Raises `AssertionError` if ``timeout`` is None and nothing in the script could end the wait any more.
        """
        self.calls.append(("wait", timeout))
        deadline = float("inf") if timeout is None else self._clock() + timeout
        while True:
            self._play_due_steps()
            if events := self._report():
                return events
            if self._script and self._script[0].at <= deadline:
                self._clock.advance_to(self._script[0].at)
            elif timeout is None:
                raise AssertionError(
                    f"this wait would never end: the script is over, and nothing of {self._interest} is ready"
                )
            else:
                self._clock.advance_to(deadline)
                return []

    def close(self) -> None:
        self.calls.append(("close",))
        self.closed = True
        self._interest.clear()

    def _play_due_steps(self) -> None:
        while self._script and self._script[0].at <= self._clock():
            step = self._script.popleft()
            self.tell(step.fd, step.mask)

    def _report(self) -> list[Event]:
        events = dict(self._strays)
        for fd, wanted in tuple(self._interest.items()):
            mask = self._ready.get(fd, 0) & (wanted | ~BOTH)
            if mask and (self.trigger == "level" or fd in self._edges):
                events[fd] = mask
                self._edges.discard(fd)
            if mask & INVALID:
                del self._interest[fd]
        return list(events.items())
