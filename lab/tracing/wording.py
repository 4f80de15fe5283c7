"""What was seen, in words: the same ones on the terminal and on the page.

Rule: plain text only; times in microseconds since the start.
"""

from __future__ import annotations

from backends.contract import BOTH, READ, WRITE
from lab.tracing.recorder import KERNEL, Call, Recorder, Span, Step

TITLES = {
    1: "the backend waits",
    2: "a ready descriptor comes back",
    3: "the data moves",
    4: "the future has its result",
    5: "its done-callback wakes the task",
    6: "send() into the innermost coroutine",
    7: "the data is returned to the caller",
}
"""The seven steps of one `recv`, as docs/architecture.md has them."""

OBSERVERS_COST = (
    "Being watched makes each step some microseconds longer: read the order and the proportions, not the "
    "speed."
)


def micros(ns: int) -> str:
    """Nanoseconds as microseconds, one decimal."""
    return f"{ns / 1e3:,.1f}"


def took(ns: int) -> str:
    """A duration with its unit: us up to ten thousand of them, then ms or s."""
    if ns < 10_000_000:
        return f"{micros(ns)} us"
    return f"{ns / 1e6:,.1f} ms" if ns < 10_000_000_000 else f"{ns / 1e9:,.1f} s"


def counted(number: int, noun: str) -> str:
    """``1 call``, ``5 calls``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def waiting(backend_waits: str, timeout_s: float | None) -> str:
    """A wait of the backend, and how long it might have lasted."""
    if timeout_s is None:
        return f"{backend_waits} for as long as it takes: nothing else is left to do"
    if timeout_s == 0:
        return f"{backend_waits} no longer than a look takes: other work is ready"
    return f"{backend_waits} for at most {took(round(timeout_s * 1e9))}: then a timer is due"


def ready_for(mask: int) -> str:
    """An event mask as words."""
    words = [word for bit, word in ((READ, "to be read"), (WRITE, "to be written")) if mask & bit]
    if mask & ~BOTH:
        words.append("with an error or a hang-up")
    return " and ".join(words)


def step(call: Call, step: Step) -> str:
    """What happened in one step of a call, as a clause."""
    return _STEPS[step.number](call, step)


def _waits(call: Call, step: Step) -> str:
    return waiting(step.details["backend"], step.details["timeout_s"])


def _comes_back(call: Call, step: Step) -> str:
    others = f" with {counted(step.details['with'], 'other')}" if step.details["with"] else ""
    ready = ready_for(step.details["mask"])
    return f"descriptor {call.fd} comes back{others}, ready {ready}, and goes to who waits"


def _moves(call: Call, step: Step) -> str:
    if "error" in step.details:
        return f"the system call raises {step.details['error']}"
    value = step.details["value"]
    if call.name == "sock_connect":
        return "the outcome of the connect is fetched"
    if call.name.startswith("sock_send"):
        return f"{value} moved into the kernel's buffer"
    return f"{value} moved into a buffer" if "byte" in value else f"{value} is fetched from the kernel"


def _is_done(call: Call, step: Step) -> str:
    if step.future == "CANCELLED":
        return "the future is cancelled"
    error = step.details.get("error")
    return f"the future has its error, {error}" if error else "the future has its result"


def _wakes(call: Call, step: Step) -> str:
    within = [each for each in (call.step(6), call.step(7)) if each and _lies_in(each, step)]
    inside = ", and steps 6 and 7 happen within it" if len(within) == 2 else ""
    return f"its done-callback wakes task {step.details['task']!r}{inside}"


def _lies_in(inner: Step, outer: Step) -> bool:
    return outer.end_ns is not None and outer.begin_ns <= inner.begin_ns <= outer.end_ns


def _resumes(call: Call, step: Step) -> str:
    return f"the task calls {step.details['how']} into the innermost coroutine: {chain(step)}"


def _returns(call: Call, step: Step) -> str:
    outcome = step.details["outcome"]
    if outcome.startswith("raises"):
        return f"{call.name} {outcome}, in {caller(call)}"
    if outcome == "nothing":
        return f"{call.name} returns to {caller(call)}"
    return f"{outcome} returned to {caller(call)}"


_STEPS = {1: _waits, 2: _comes_back, 3: _moves, 4: _is_done, 5: _wakes, 6: _resumes, 7: _returns}


def chain(step: Step) -> str:
    """The coroutines that ``send()`` goes through, the innermost last; of many, the first and last two."""
    names = step.details["chain"]
    return " > ".join(names if len(names) <= 5 else [*names[:2], f"({len(names) - 4} more)", *names[-2:]])


def caller(call: Call) -> str:
    """The coroutine that awaits the call: in the chain of ``send()`` it stands before the call itself."""
    sent = call.step(6)
    names = sent.details["chain"] if sent else []
    place = next((at for at, name in enumerate(names) if name.rpartition(".")[2] == call.name), 0)
    return names[place - 1] if place else "the caller"


def heading(call: Call) -> str:
    """Which call: its number, what, who, where."""
    return f"{call.name} of task {call.task!r} on descriptor {call.fd}"


def beginning(call: Call) -> str:
    """What came before the first step."""
    pending = f"{micros(call.pending_ns)} us" if call.pending_ns is not None else "?"
    false = f"; {counted(call.false_reports, 'false report')} of the kernel" if call.false_reports else ""
    several = f"; this is the last of {call.waits} waits" if call.waits > 1 else ""
    return (
        f"called at {micros(call.begin_ns)} us; it cannot be done yet, so at {pending} its future is PENDING "
        f"and the task pauses{several}{false}"
    )


def summary(recorder: Recorder) -> str:
    """How many calls there were, and how many had to wait."""
    waited = sum(call.waited for call in recorder.calls)
    turns = sum(span.lane == KERNEL for span in recorder.spans)
    in_kernel = took(sum(span.duration_ns for span in recorder.spans if span.lane == KERNEL))
    return (
        f"{counted(len(recorder.calls), 'socket call')}, {waited:,} of which had to wait; "
        f"{counted(turns, 'turn')} in {took(recorder.duration_ns)}, of which {in_kernel} in the kernel"
    )


def on_what(recorder: Recorder) -> str:
    """The backend and the kind of tasks; empty if there was no traced loop."""
    return (
        f"{recorder.backend} with {'C' if recorder.tasks == 'c' else 'Python'} tasks"
        if recorder.backend
        else ""
    )


def nothing_recorded(recorder: Recorder) -> str:
    """Why there is no wait to show."""
    if not recorder.backend:
        return (
            "Nothing was recorded: the program ran no event loop, or brought one of its own instead of "
            "leaving that to asyncio.run or asyncio.Runner."
        )
    return "No sock_ call had to wait: the data was there, or the program leaves its sockets to transports."


def delivery(span: Span) -> str:
    """What a transport handed on."""
    what = counted(span.details["bytes"], "byte") + (", decrypted," if "decrypted" in span.details else "")
    return f"descriptor {span.details['fd']}: {what} to {span.name}"


def deliveries(recorder: Recorder) -> list[Span]:
    """Everything that transports handed to their protocols, in order."""
    delivered = (span for span in recorder.spans if span.details.get("delivery"))
    return sorted(delivered, key=lambda span: span.begin_ns)


def span(span: Span) -> str:
    """A span in one line: what, when, how long, and what else is known."""
    details = span.details
    what = span.name
    if "timeout_s" in details:
        came = ", ".join(f"descriptor {fd} ready {ready_for(mask)}" for fd, mask in details["events"])
        what = f"{waiting(span.name, details['timeout_s'])}; {came or 'nothing came'}"
    elif "chain" in details:
        through = " > ".join(details["chain"])
        what = f"{details['how']} into {through}, task {details['task']}; it {details['then']}"
    elif "by" in details:
        what = f"task {span.name}, called by {details['by']}"
    return f"{what}; at {micros(span.begin_ns)} us, {micros(span.duration_ns)} us long"
