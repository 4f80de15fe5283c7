"""What was recorded, as text, as a page and as a Chrome trace."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lab.tracing import example, page, wording
from lab.tracing.chrome import trace_events
from lab.tracing.recorder import LANES, Call, Recorder
from lab.tracing.text import text
from lab.tracing.traced_loop import TracedLoop
from tests.tracing.conftest import recorded

HOSTILE = "<script>alert('&amp;')</script>"


@pytest.fixture(scope="module")
def exchange() -> Recorder:
    """One echo exchange, recorded; nobody may change it."""
    recorder = Recorder()
    example.run(functools.partial(TracedLoop, recorder))
    return recorder


async def hostile() -> None:
    """A task and a coroutine with names that would be mark-up, if somebody let them."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)

        async def receive() -> bytes:
            return await loop.sock_recv(ours, 10)

        receive.__qualname__ = HOSTILE
        task = loop.create_task(receive(), name=HOSTILE)
        await asyncio.sleep(0)
        theirs.send(b"!")
        await task


async def nothing() -> None:
    """A program without sockets."""


class Tags(HTMLParser):
    """The elements of a page; all that were opened are closed."""

    VOID = ("meta", "rect", "line", "path", "circle")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def classes(self, name: str) -> int:
        return sum(name in (attributes.get("class") or "").split() for _, attributes in self.seen)


# -- text ----------------------------------------------------------------------------------------------


def test_the_text_tells_seven_numbered_steps_for_each_recv_that_waited(exchange: Recorder) -> None:
    told = text(exchange, "an echo", limit=10)
    numbers = re.findall(r"^  (\d) +[\d,.]+ .*(PENDING|FINISHED|idle)", told, re.MULTILINE)
    states = ["PENDING"] * 3 + ["FINISHED"] * 3 + ["idle"]
    assert numbers == list(zip("1234567", states, strict=True)) * 2
    for piece in (
        "task 'echo' on descriptor",
        "send() into the innermost",
        "returned to ask",
        "microseconds",
    ):
        assert piece in told


def test_the_text_stops_at_the_limit_and_says_so(exchange: Recorder) -> None:
    short = text(exchange, "an echo", limit=1)
    assert short.count("what happened") == 1
    assert "and 1 more call that waited; --limit 0 shows all" in short
    assert text(exchange, "an echo", limit=0).count("FINISHED") == 6


@pytest.mark.parametrize(
    ("record", "reason"),
    [(Recorder, "ran no event loop"), (lambda: recorded(nothing), "No sock_ call had to wait")],
    ids=["no loop", "no socket"],
)
def test_what_has_nothing_to_show_says_why(record: Callable[[], Recorder], reason: str) -> None:
    recorder = record()
    assert reason in text(recorder, "a program", limit=10)
    assert reason in page.page(recorder, "a program")
    assert json.dumps(trace_events(recorder, "a program"))


def test_a_call_that_never_came_back_is_told_as_such() -> None:
    recorder = Recorder()
    recorder.backend, recorder.tasks = "poll", "c"
    recorder.calls.append(Call(1, "sock_recv", 5, "stuck", 1_000, pending_ns=2_000, waits=1))
    assert "still waiting when the program ended" in text(recorder, "a program", limit=10)
    assert "still waiting when the program ended" in page.page(recorder, "a program")


def test_a_long_chain_of_coroutines_is_told_by_its_ends(exchange: Recorder) -> None:
    step = next(call for call in exchange.calls if call.waited).steps[5]
    names = list("abcdefg")
    long = type(step)(6, 0, 1, "FINISHED", {"how": "send()", "chain": names})
    assert wording.chain(long) == "a > b > (3 more) > f > g"


@pytest.mark.parametrize(
    ("nanoseconds", "told"),
    [(950, "0.9 us"), (9_999_900, "9,999.9 us"), (12_000_000, "12.0 ms"), (15_000_000_000, "15.0 s")],
)
def test_durations_have_the_unit_that_fits(nanoseconds: int, told: str) -> None:
    assert wording.took(nanoseconds) == told


# -- Chrome's format -----------------------------------------------------------------------------------


def events(recorder: Recorder, kind: str) -> list[dict[str, Any]]:
    trace = json.loads(json.dumps(trace_events(recorder, "an echo")))
    return [event for event in trace["traceEvents"] if event["ph"] == kind]


def test_every_event_has_what_the_format_asks_for(exchange: Recorder) -> None:
    for kind, fields in (("X", {"dur", "cat", "args"}), ("i", {"s", "args"}), ("M", {"args"})):
        found = events(exchange, kind)
        assert found
        for event in found:
            assert fields | {"name", "ts", "pid", "tid"} <= event.keys()
            assert event["ts"] >= 0 and event.get("dur", 0) >= 0


def test_the_threads_are_the_lanes_in_their_order(exchange: Recorder) -> None:
    named = {
        each["tid"]: each["args"]["name"] for each in events(exchange, "M") if each["name"] == "thread_name"
    }
    assert tuple(named[thread] for thread in sorted(named)) == LANES
    assert {event["tid"] for event in events(exchange, "X")} == set(named)


def test_spans_of_one_thread_lie_inside_one_another_or_apart(exchange: Recorder) -> None:
    open_ends: dict[int, list[float]] = {}
    for event in events(exchange, "X"):
        ends = open_ends.setdefault(event["tid"], [])
        while ends and ends[-1] <= event["ts"] + 1e-6:
            ends.pop()
        assert not ends or event["ts"] + event["dur"] <= ends[-1] + 1e-6, event["name"]
        ends.append(event["ts"] + event["dur"])


def test_the_steps_are_instants_with_their_numbers(exchange: Recorder) -> None:
    assert [event["name"][0] for event in events(exchange, "i")] == list("1234567") * 2


# -- the page ------------------------------------------------------------------------------------------


def test_the_page_shows_each_step_in_a_picture_and_in_a_table(exchange: Recorder) -> None:
    tags = Tags(page.page(exchange, "an echo"))
    assert tags.classes("ball") == tags.classes("ballot") == 14
    assert tags.classes("story") == 2
    assert {"kernel", "loop", "task", "coroutine", "future"} <= {
        name for _, attributes in tags.seen for name in (attributes.get("class") or "").split()
    }


def test_the_page_is_one_file_that_loads_and_runs_nothing(exchange: Recorder) -> None:
    tags = Tags(page.page(exchange, "an echo"))
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.seen}
    assert not any({"src", "href"} & attributes.keys() for _, attributes in tags.seen)


def test_names_of_the_program_are_escaped_everywhere() -> None:
    written = page.page(recorded(hostile), HOSTILE)
    assert "<script" not in written
    assert written.count("&lt;script&gt;") > 5
    Tags(written)


def test_a_long_trace_is_cut_and_the_page_says_so(
    exchange: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "CALLS_DRAWN", 1)
    monkeypatch.setattr(page, "SPANS_DRAWN", 5)
    written = page.page(exchange, "an echo")
    assert "1 more calls had to wait" in written
    assert f"{len(exchange.spans) - 5} later events are not drawn" in written


def test_a_browser_opens_the_page(exchange: Recorder, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("google-chrome", "chromium", "chromium-browser"))), None)
    if browser is None:
        pytest.skip("no chromium here")
    file = tmp_path / "trace.html"
    file.write_text(page.page(exchange, "an echo"), "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options.append(f"--user-data-dir={tmp_path / 'profile'}")
    shown = subprocess.run(
        [browser, *options, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=50
    )
    assert shown.returncode == 0
    assert Tags(shown.stdout).classes("ball") == 14
