"""The trace as text for a terminal: each call that had to wait, in its seven steps."""

from __future__ import annotations

from collections.abc import Iterator

from lab.tracing import wording
from lab.tracing.recorder import Call, Recorder

HEAD = f"  {'step':<5}{'at us':>12}{'took':>10}  {'future':<10}what happened"


def text(recorder: Recorder, title: str, limit: int) -> str:
    """The whole trace; at most ``limit`` calls (and as many deliveries) are told in full, 0 for all."""
    return "\n".join(_lines(recorder, title, limit)) + "\n"


def _lines(recorder: Recorder, title: str, limit: int) -> Iterator[str]:
    waited = [call for call in recorder.calls if call.waited]
    delivered = wording.deliveries(recorder)
    if recorder.backend:
        yield f"{title}, on {wording.on_what(recorder)}: {wording.summary(recorder)}."
        yield f"Times are microseconds since the start. {wording.OBSERVERS_COST}"
    if not waited and not delivered:
        yield wording.nothing_recorded(recorder)
    for call in waited[: limit or None]:
        yield ""
        yield from _call(call)
    yield from _left_out(len(waited), limit, "call that waited", "calls that waited")
    if delivered:
        yield ""
        yield "Read by transports, straight into their protocols: no future, no task"
    for span in delivered[: limit or None]:
        at, took = wording.micros(span.begin_ns), wording.micros(span.duration_ns)
        yield f"  {at:>17}{took:>10}  {wording.delivery(span)}"
    yield from _left_out(len(delivered), limit, "delivery", "deliveries")
    if recorder.not_kept:
        yield f"{recorder.not_kept:,} later events were not kept"


def _left_out(count: int, limit: int, one: str, several: str) -> Iterator[str]:
    if limit and count > limit:
        rest = count - limit
        yield f"... and {rest:,} more {one if rest == 1 else several}; --limit 0 shows all"


def _call(call: Call) -> Iterator[str]:
    yield f"Call {call.number}: {wording.heading(call)}"
    yield f"  {wording.beginning(call)}"
    if not call.steps:
        yield "  and it was still waiting when the program ended"
        return
    yield HEAD
    for step in call.steps:
        took = "" if step.end_ns is None else wording.micros(step.end_ns - step.begin_ns)
        yield (
            f"  {step.number:<5}{wording.micros(step.begin_ns):>12}{took:>10}  {step.future:<10}"
            f"{wording.step(call, step)}"
        )
