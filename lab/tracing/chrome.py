"""The trace in Chrome's trace-event format, which https://ui.perfetto.dev and chrome://tracing open.

One process, one thread for each lane. Spans are complete events (``X``), steps are instants (``i``) in the
lane where they happen. Times are microseconds with decimals, as the format wants.

Source: "Trace Event Format", the document that catapult's README links to.
"""

from __future__ import annotations

from typing import Any

from lab.tracing import wording
from lab.tracing.recorder import COROUTINE, KERNEL, LANES, LOOP, TASK, Recorder

PROCESS = 1
LANE_OF_STEP = {1: KERNEL, 2: LOOP, 3: LOOP, 4: LOOP, 5: TASK, 6: COROUTINE, 7: COROUTINE}
"""Where each of the seven steps happens."""
_THREADS = {lane: number for number, lane in enumerate(LANES, 1)}


def trace_events(recorder: Recorder, title: str) -> dict[str, Any]:
    """The whole trace, for `json.dump`."""
    return {
        "displayTimeUnit": "ns",
        "otherData": {"program": title, "backend": recorder.backend, "tasks": recorder.tasks},
        "traceEvents": [*_names(title), *_spans(recorder), *_steps(recorder)],
    }


def _names(title: str) -> list[dict[str, Any]]:
    named = [_metadata("process_name", 0, name=f"muxlab trace: {title}")]
    for lane, thread in _THREADS.items():
        named.append(_metadata("thread_name", thread, name=lane))
        named.append(_metadata("thread_sort_index", thread, sort_index=thread))
    return named


def _metadata(kind: str, thread: int, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": PROCESS, "tid": thread, "ts": 0, "args": args}


def _spans(recorder: Recorder) -> list[dict[str, Any]]:
    return [
        {
            "ph": "X",
            "name": span.name,
            "cat": span.lane,
            "ts": span.begin_ns / 1e3,
            "dur": span.duration_ns / 1e3,
            "pid": PROCESS,
            "tid": _THREADS[span.lane],
            "args": span.details,
        }
        for span in sorted(recorder.spans, key=lambda span: (span.begin_ns, -span.end_ns))
    ]


def _steps(recorder: Recorder) -> list[dict[str, Any]]:
    return [
        {
            "ph": "i",
            "s": "t",
            "name": f"{step.number}: {wording.TITLES[step.number]}",
            "cat": "step",
            "ts": step.begin_ns / 1e3,
            "pid": PROCESS,
            "tid": _THREADS[LANE_OF_STEP[step.number]],
            "args": {
                "call": f"{call.number}: {wording.heading(call)}",
                "future": step.future,
                "what": wording.step(call, step),
            },
        }
        for call in recorder.calls
        for step in call.steps
    ]
