"""The pass that counts system calls: when it runs, what it keeps, and that no figure of time meets it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabError
from lab.harness import counting, strace, subjects
from lab.harness.events import CellFinished, CountFinished, CountingStarted, Event
from lab.harness.machine.cores import choose_cores
from lab.harness.planning import plan
from lab.harness.planning.selection import Selection
from lab.harness.sampling import Timing
from lab.results import RunRecord, ScenarioRecord, SubjectRecord, SyscallCount, read_run
from lab.workloads.registry import workload
from tests.fake_measuring import FakeCatalogue, FakeMeasure, environment
from tests.harness.test_runner import NO_CORES, run, small_run
from tests.harness.test_strace import fake_strace

NOWHERE = "strace is not installed"


@dataclass
class FakeCount:
    """Stands in for `count_syscalls`: two calls an operation; an interrupt in place of one number."""

    interrupt_at: int | None = None
    fails: Callable[[str], bool] = lambda subject: False
    cells: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, subject: SubjectRecord, scenario: ScenarioRecord, **how: Any) -> SyscallCount:
        if len(self.cells) == self.interrupt_at:
            raise KeyboardInterrupt
        self.cells.append((subject.name, scenario.id))
        identity = (subject.name, scenario.id)
        if self.fails(subject.name):
            return SyscallCount(*identity, "failed", "2026-01-01T00:00:00+00:00", "the server crashed")
        return SyscallCount(*identity, "ok", "2026-01-01T00:00:00+00:00", None, 10, {"recvfrom": 20})


def counted_run(**changes: Any) -> RunRecord:
    return replace(small_run(rounds=1, **changes), syscalls=True)


def cells(record: RunRecord) -> list[tuple[str, str]]:
    return [(subject.name, scenario.id) for subject, scenario in counting.pairs(record)]


@pytest.mark.parametrize(
    ("wish", "usual", "unavailable", "counts", "why_not"),
    [
        (None, True, None, True, None),
        (True, False, None, True, None),
        (None, True, NOWHERE, False, NOWHERE),
        (False, True, None, False, "--no-syscalls was given"),
        (None, False, None, False, "the profile quick leaves them out; --syscalls counts them"),
    ],
)
def test_a_run_knows_whether_it_counts_and_if_not_why(
    wish: bool | None,
    usual: bool,
    unavailable: str | None,
    counts: bool,
    why_not: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strace, "unavailable", lambda: unavailable)
    record = counting.decided(small_run(), wish, usual)
    assert (record.syscalls, record.no_syscalls) == (counts, why_not)


def test_counts_that_were_asked_for_and_cannot_be_had_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strace, "unavailable", lambda: NOWHERE)
    with pytest.raises(LabError, match=NOWHERE):
        counting.decided(small_run(), True, False)


def test_each_cell_is_counted_once_after_the_last_sample_and_the_twin_is_not(tmp_path: Path) -> None:
    events: list[Event] = []
    record, count = counted_run(), FakeCount()
    outcome = run(record, tmp_path, FakeMeasure(), count=count, on_event=events.append)
    kinds = [type(event) for event in events if isinstance(event, CellFinished | CountFinished)]
    assert kinds == sorted(kinds, key=[CellFinished, CountFinished].index)
    assert count.cells == cells(record)
    assert {subject for subject, _ in count.cells} == {"epoll", "asyncio", "floor"}
    assert read_run(tmp_path).syscalls == outcome.counted
    assert len(outcome.counted) == len(count.cells)


def test_a_cell_that_cannot_run_is_not_counted() -> None:
    selection = Selection(backends=("epoll",), workloads=("ring",), rounds=1)
    blocked = FakeCatalogue(blocked=[("epoll", "ring")])
    record = plan.build(selection, environment(), id="r", seed=7, catalogue=blocked)
    assert "epoll" not in {subject for subject, _ in cells(replace(record, syscalls=True))}


def test_an_open_loop_is_not_counted() -> None:
    record = counted_run()
    offered = tuple(replace(scenario, load="open") for scenario in record.scenarios)
    assert cells(replace(record, scenarios=offered)) == []


def test_counting_is_no_time_of_measuring(tmp_path: Path) -> None:
    measure = FakeMeasure()

    def count(subject: SubjectRecord, scenario: ScenarioRecord, **how: Any) -> SyscallCount:
        measure.now_s += 100
        return FakeCount()(subject, scenario)

    outcome = run(counted_run(), tmp_path, measure, count=count)
    assert outcome.record.measured_s == len(measure.calls) * measure.cost_s


def test_a_run_that_does_not_count_traces_nothing(tmp_path: Path) -> None:
    count = FakeCount()
    run(small_run(rounds=1), tmp_path, FakeMeasure(), count=count)
    assert count.cells == []
    assert read_run(tmp_path).syscalls == ()


def test_an_interrupted_pass_goes_on_where_it_stopped(tmp_path: Path) -> None:
    record = counted_run()
    first = run(record, tmp_path, FakeMeasure(), count=FakeCount(interrupt_at=2))
    kept, measure, second = read_run(tmp_path), FakeMeasure(), FakeCount()
    run(kept.record, tmp_path, measure, earlier=kept.samples, counted=kept.syscalls, count=second)
    assert first.interrupted
    assert (len(kept.syscalls), measure.calls) == (2, [])
    assert second.cells == cells(record)[2:]
    assert read_run(tmp_path).record.status == "complete"


def test_a_count_that_failed_is_told_and_tried_again_on_resume(tmp_path: Path) -> None:
    record = counted_run()
    outcome = run(record, tmp_path, FakeMeasure(), count=FakeCount(fails=lambda subject: subject == "epoll"))
    kept, second = read_run(tmp_path), FakeCount()
    run(kept.record, tmp_path, FakeMeasure(), earlier=kept.samples, counted=kept.syscalls, count=second)
    assert {each.reason for each in outcome.uncounted} == {"the server crashed"}
    assert {subject for subject, _ in second.cells} == {"epoll"}


def test_what_failed_in_every_round_is_not_traced(tmp_path: Path) -> None:
    record, count = replace(small_run(rounds=3), syscalls=True), FakeCount()
    run(record, tmp_path, FakeMeasure(fails=lambda subject, _: subject == "epoll"), count=count)
    assert {subject for subject, _ in count.cells} == {"asyncio", "floor"}


def test_the_pass_says_how_many_cells_it_counts_and_how_long_that_takes(tmp_path: Path) -> None:
    events: list[Event] = []
    record = counted_run()
    run(record, tmp_path, FakeMeasure(), count=FakeCount(), on_event=events.append)
    (started,) = [event for event in events if isinstance(event, CountingStarted)]
    assert started == CountingStarted(len(cells(record)), pytest.approx(counting.estimate_s(record)))


TIMING = Timing(window_s=0.05, warmup_s=0.01, deadline_s=60.0)


def count_ring(subject: str) -> SyscallCount:
    scenario = workload("ring").scenario(pairs=4, active=2, writes=10)
    record = subjects.describe(subject)
    return counting.count_syscalls(record, scenario, timing=TIMING, cores=NO_CORES, seed=1)


FAKE = """\
while [ "$1" != -- ]; do [ "$1" = -o ] && trace=$2; shift; done
shift
[ "$trace" = /dev/null ] || printf '%s' "$TRACE" > "$trace"
exec "$@"
"""


def test_the_measured_process_runs_under_strace_and_its_trace_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_strace(tmp_path, FAKE)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    begin, end = (
        '1 access("muxlab-window-begin-own", F_OK) = -1',
        '1 access("muxlab-window-end-own", F_OK) = -1',
    )
    monkeypatch.setenv("TRACE", f"{begin}\n1 read(0x3, 0x7f, 0x1) = 0x1\n{end}\n")
    count = count_ring("floor")
    assert (count.status, count.reason, count.calls) == ("ok", None, {"read": 1})
    assert count.operations > 0


def test_a_trace_that_cannot_be_read_is_a_count_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_strace(tmp_path, FAKE)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TRACE", "1 read(0x3, 0x7f, 0x1) = 0x1\n")
    count = count_ring("floor")
    assert count.status == "failed"
    assert "expected the marks of a window" in str(count.reason)


def test_a_strace_that_ends_at_once_is_a_count_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_strace(tmp_path, "exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    count = count_ring("floor")
    assert (count.status, count.calls) == ("failed", {})
    assert "ended early, with exit status 3" in str(count.reason)


@pytest.mark.skipif(strace.unavailable() is not None, reason=f"strace: {strace.unavailable()}")
def test_an_echo_is_seen_to_take_one_send_and_at_least_one_receive() -> None:
    scenario = workload("echo-sockets").scenario(connections=4, size=64)
    record = subjects.describe("floor")
    count = counting.count_syscalls(record, scenario, timing=TIMING, cores=choose_cores(1), seed=1)
    assert (count.status, count.reason) == ("ok", None)
    assert count.calls["sendto"] == count.operations
    assert count.calls["recvfrom"] >= count.operations
