"""The trace as one HTML file: nothing is loaded from anywhere, nothing needs JavaScript.

Rule: everything that comes from the traced program is escaped; only the lab's own style sheet goes in as is.
"""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.tracing import timeline, wording
from lab.tracing.recorder import Call, Recorder
from lab.tracing.timeline import Timeline

CALLS_DRAWN, SPANS_DRAWN = 20, 3_000
"""What a browser still shows at once; the JSON form has everything."""


@dataclass(frozen=True)
class Story:
    """One call that had to wait: what the page shows of it."""

    number: int
    heading: str
    beginning: str
    picture: Timeline | None
    rows: tuple[tuple[int, str, str, str, str], ...]
    """Step, time, duration, state of the future, what happened."""


def page(recorder: Recorder, title: str) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("lab.tracing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, _, _ = environment.loader.get_source(environment, "trace.css")  # type: ignore[union-attr]
    waited = [call for call in recorder.calls if call.waited]
    spans = sorted(recorder.spans, key=lambda span: span.begin_ns)
    deliveries = wording.deliveries(recorder)
    return environment.get_template("trace.html.j2").render(
        style=Markup(style),
        title=title,
        on=wording.on_what(recorder),
        summary=wording.summary(recorder),
        cost=wording.OBSERVERS_COST,
        nothing=wording.nothing_recorded(recorder) if not waited else "",
        stories=[_story(call, recorder) for call in waited[:CALLS_DRAWN]],
        more_calls=max(0, len(waited) - CALLS_DRAWN),
        whole=timeline.whole(spans[:SPANS_DRAWN]) if spans else None,
        more_spans=max(0, len(spans) - SPANS_DRAWN) + recorder.not_kept,
        deliveries=[
            (wording.micros(span.begin_ns), wording.micros(span.duration_ns), wording.delivery(span))
            for span in deliveries[:CALLS_DRAWN]
        ],
        more_deliveries=max(0, len(deliveries) - CALLS_DRAWN),
        row=timeline.ROW,
        left=timeline.LEFT,
    )


def _story(call: Call, recorder: Recorder) -> Story:
    rows = (
        (
            step.number,
            wording.micros(step.begin_ns),
            "" if step.end_ns is None else wording.micros(step.end_ns - step.begin_ns),
            step.future,
            wording.step(call, step),
        )
        for step in call.steps
    )
    picture = timeline.of_call(call, recorder.spans) if call.steps else None
    return Story(call.number, wording.heading(call), wording.beginning(call), picture, tuple(rows))
