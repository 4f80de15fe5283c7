"""Where things stand on a drawn timeline: spans become bars, steps become numbered marks. Pure arithmetic.

Rules
- Time runs to the right, evenly, with one exception: a wait in the kernel longer than `LONGEST_WAIT_NS` is
  drawn as long as that and marked as cut, or sleep would squeeze everything else out of sight.
- One band for each lane; inside it, what runs within something else stands one row below it.
- All lengths are in the drawing's own units.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lab.tracing import wording
from lab.tracing.chrome import LANE_OF_STEP
from lab.tracing.recorder import KERNEL, LANES, Call, Span

LONGEST_WAIT_NS = 100_000
LEFT, RIGHT, ROW, BAND_GAP, STEPS, AXIS = 96.0, 26.0, 26.0, 8.0, 44.0, 26.0
"""The lanes' names, a margin, the height of a row, the space between bands, the strip of steps, the axis."""
LETTER = 6.1
"""About how wide a letter of a label is."""
STEP_GAP = 30.0
"""How far apart the numbers of two steps stand at least."""
SMALLEST = 0.8
FUTURE = "future"
"""The band below the lanes: the states of the future that a call waits on."""


@dataclass(frozen=True)
class Bar:
    """A span, drawn."""

    x: float
    y: float
    width: float
    kind: str
    label: str
    title: str
    cut: bool = False
    faint: bool = False
    """It is none of the call that the drawing tells of."""


@dataclass(frozen=True)
class Mark:
    """A step, drawn: its number at ``(label_x, STEPS)`` above, a line down to ``(x, y)`` in its lane."""

    number: int
    label_x: float
    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Band:
    """A lane, drawn."""

    name: str
    y: float
    height: float


@dataclass(frozen=True)
class Timeline:
    """A whole drawing."""

    width: float
    height: float
    bands: Sequence[Band]
    bars: Sequence[Bar]
    marks: Sequence[Mark]
    ticks: Sequence[tuple[float, str]]


class Axis:
    """From nanoseconds to places, between ``begin_ns`` and ``end_ns``; long waits are cut."""

    def __init__(self, begin_ns: int, end_ns: int, spans: Iterable[Span], width: float | None = None) -> None:
        self.begin_ns, self.end_ns = begin_ns, max(end_ns, begin_ns + 1)
        self._waits: list[tuple[int, int, int]] = []  # begin, end, what was cut off before it
        cut = 0
        for span in spans:
            begin, end = max(span.begin_ns, begin_ns), min(span.end_ns, self.end_ns)
            if span.lane == KERNEL and end - begin > LONGEST_WAIT_NS:
                self._waits.append((begin, end, cut))
                cut += end - begin - LONGEST_WAIT_NS
        self._cut = {begin for begin, _, _ in self._waits}
        self.drawn_ns = self.end_ns - self.begin_ns - cut
        self.width = width if width is not None else min(max(900.0, self.drawn_ns / 1e3), 12_000.0)

    def __call__(self, time_ns: int) -> float:
        """Where a time stands; times outside stand at the edges."""
        time_ns = min(max(time_ns, self.begin_ns), self.end_ns)
        place = bisect.bisect_right(self._waits, (time_ns, self.end_ns, 0)) - 1
        drawn = time_ns - self.begin_ns
        if place >= 0:
            begin, end, cut = self._waits[place]
            inside = min(time_ns, end) - begin
            drawn -= cut + inside - round(inside * LONGEST_WAIT_NS / (end - begin))
        return LEFT + (self.width - LEFT - RIGHT) * drawn / self.drawn_ns

    def is_cut(self, span: Span) -> bool:
        """Whether it is drawn shorter than it was."""
        return span.lane == KERNEL and max(span.begin_ns, self.begin_ns) in self._cut

    def ticks(self) -> list[tuple[float, str]]:
        """Places and times in microseconds, about every hundred units; none inside a cut."""
        step_ns = _round_step(self.drawn_ns * 110 / self.width)
        first = -(-self.begin_ns // step_ns) * step_ns
        at: list[tuple[float, str]] = []
        time_ns = first
        while time_ns <= self.end_ns:
            place = bisect.bisect_right(self._waits, (time_ns, self.end_ns, 0)) - 1
            if place >= 0 and self._waits[place][0] < time_ns < self._waits[place][1]:
                time_ns = -(-self._waits[place][1] // step_ns) * step_ns
                continue
            at.append((self(time_ns), f"{time_ns / 1e3:,g}" if step_ns < 1000 else f"{time_ns // 1000:,}"))
            time_ns += step_ns
        return [tick for number, tick in enumerate(at) if not number or tick[0] - at[number - 1][0] > 40]


def whole(spans: Sequence[Span]) -> Timeline:
    """The timeline of everything in ``spans``, as wide as it needs."""
    ordered = _outer_first(spans)
    end = max(span.end_ns for span in spans)
    return _drawn(Axis(ordered[0].begin_ns, end, ordered), ordered, (), top=0)


def of_call(call: Call, spans: Sequence[Span], width: float = 900.0) -> Timeline:
    """The timeline of one wait: from the first step to the last, with a little of what is around it."""
    begin, end = call.steps[0].begin_ns, max(step.end_ns or step.begin_ns for step in call.steps)
    margin = max((min(end - begin, 10 * LONGEST_WAIT_NS)) // 30, 1_000)
    begin, end = max(0, begin - margin), end + margin
    near = _outer_first(span for span in spans if span.end_ns >= begin and span.begin_ns <= end)
    axis = Axis(begin, end, near, width)
    return _drawn(axis, near, (call,), top=STEPS)


def _outer_first(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.begin_ns, -span.end_ns))


def _drawn(axis: Axis, spans: Sequence[Span], calls: Iterable[Call], top: float) -> Timeline:
    rows = _rows(spans)
    bands, y = [], top
    for lane in LANES:
        depth = max((row for span, row in zip(spans, rows, strict=True) if span.lane == lane), default=0) + 1
        bands.append(Band(lane, y, depth * ROW))
        y += depth * ROW + BAND_GAP
    tops = {band.name: band.y for band in bands}
    bars = [_bar(axis, span, tops[span.lane] + row * ROW) for span, row in zip(spans, rows, strict=True)]
    for call in calls:
        bars = [replace(bar, faint=not _belongs(span, call)) for bar, span in zip(bars, spans, strict=True)]
    marks = [mark for call in calls for mark in _marks(axis, call, tops)]
    for call in calls:
        bands.append(Band(FUTURE, y, ROW))
        bars += _states(axis, call, y)
        y += ROW + BAND_GAP
    return Timeline(axis.width, y + AXIS, bands, bars, marks, axis.ticks())


def _rows(spans: Sequence[Span]) -> list[int]:
    """How many spans of its own lane each stands inside of; ``spans`` begin in order, outer ones first."""
    rows, around = [], {lane: [] for lane in LANES}  # type: tuple[list[int], dict[str, list[int]]]
    for span in spans:
        ends = around[span.lane]
        while ends and ends[-1] <= span.begin_ns:
            ends.pop()
        rows.append(len(ends))
        ends.append(span.end_ns)
    return rows


def _bar(axis: Axis, span: Span, y: float) -> Bar:
    x, right = axis(span.begin_ns), axis(span.end_ns)
    width = max(right - x, SMALLEST)
    cut = axis.is_cut(span)
    name = f"{wording.took(span.duration_ns)}, cut" if cut else span.name
    room = int((width - 8) / LETTER)
    label = name if len(name) <= room else f"{name[: room - 1]}…" if room > 5 else ""
    return Bar(x, y, width, span.lane.split()[0], label, wording.span(span), cut)


def _marks(axis: Axis, call: Call, tops: dict[str, float]) -> list[Mark]:
    """The numbers in order, apart from one another, each above its moment as far as there is room."""
    places = [axis(step.begin_ns) for step in call.steps]
    labels: list[float] = []
    for place in places:
        labels.append(max(place, labels[-1] + STEP_GAP) if labels else place)
    overshoot = max(0.0, labels[-1] - (axis.width - RIGHT))
    for number in reversed(range(len(labels))):
        limit = labels[number + 1] - STEP_GAP if number + 1 < len(labels) else labels[-1] - overshoot
        labels[number] = min(labels[number], limit)
    return [
        Mark(step.number, label, place, tops[LANE_OF_STEP[step.number]], wording.step(call, step))
        for step, place, label in zip(call.steps, places, labels, strict=True)
    ]


def _belongs(span: Span, call: Call) -> bool:
    """Whether the span is part of the call's wait: the kernel's, or what the report set in motion."""
    first = call.steps[0]
    moved, woken = call.step(3) or first, call.step(5) or first
    inside = moved.begin_ns <= span.begin_ns <= (woken.end_ns or woken.begin_ns)
    around = span.begin_ns <= moved.begin_ns <= span.end_ns
    return inside or around or (span.lane == KERNEL and span.begin_ns == first.begin_ns)


def _states(axis: Axis, call: Call, y: float) -> list[Bar]:
    """The states of the future, from one change that was seen to the next."""
    changes = [(call.pending_ns or call.begin_ns, "PENDING")]
    changes += [(step.begin_ns, step.future) for step in call.steps if step.number in (4, 7)]
    ends = [begin for begin, _ in changes[1:]] + [axis.end_ns]
    return [
        _bar(axis, Span(FUTURE, state, begin, end), y)
        for (begin, state), end in zip(changes, ends, strict=True)
        if state != "idle" and end > axis.begin_ns
    ]


def _round_step(nanoseconds: float) -> int:
    """The next greater of 100, 200, 500, 1,000 ... nanoseconds."""
    step = 100
    while True:
        for factor in (1, 2, 5):
            if step * factor >= nanoseconds:
                return step * factor
        step *= 10
