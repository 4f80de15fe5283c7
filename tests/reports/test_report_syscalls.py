"""System calls in a report: per operation, beside no figure of time, and why there are none."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

from lab.results import Run, SyscallCount, append_syscalls, read_run
from reports.analysis.judgement import judge
from reports.analysis.syscalls import COLUMNS_AT_MOST, syscall_table
from reports.pages import syscalls, tally
from reports.pages.page import html
from reports.pages.summary import markdown
from tests.reports.synthetic_run import SyntheticRun, echo

SCENARIO = echo(64).id

CALLS = {
    "epoll": {"recvfrom": 1000, "sendto": 1000, "epoll_wait": 30},
    "asyncio": {"recvfrom": 2000, "sendto": 1000, "epoll_ctl": 2000, "epoll_wait": 30, "brk": 2},
    "floor": {"recvfrom": 1000, "sendto": 1000, "epoll_wait": 20},
}


def count(subject: str, calls: dict[str, int], scenario: str = SCENARIO) -> SyscallCount:
    return SyscallCount(subject, scenario, "ok", "2026-01-02T03:04:05+00:00", None, 1000, calls)


def counted(*counts: SyscallCount, **changes: Any) -> Run:
    run = SyntheticRun(scenarios=(echo(64),)).build()
    record = dataclasses.replace(run.record, **changes)
    return dataclasses.replace(run, record=record, syscalls=counts)


def everything(**changes: Any) -> Run:
    return counted(*(count(name, calls) for name, calls in CALLS.items()), **{"syscalls": True} | changes)


def test_counts_are_divided_by_the_operations_of_their_own_window() -> None:
    table = syscall_table(everything(), SCENARIO)
    assert table is not None
    row = table.row("asyncio")
    assert row is not None
    assert dict(zip(table.calls, row.each, strict=True)) == {
        "recvfrom": 2.0,
        "sendto": 1.0,
        "epoll_ctl": 2.0,
        "epoll_wait": 0.03,
    }
    assert (round(row.other, 6), row.total) == (0.002, 5.032)


def test_subjects_stand_by_how_few_calls_they_make() -> None:
    table = syscall_table(everything(), SCENARIO)
    assert table is not None
    assert [row.subject for row in table.rows] == ["floor", "epoll", "asyncio"]


def test_calls_beyond_the_columns_are_summed_up_as_other() -> None:
    calls = {f"call{number}": 1000 + number for number in range(COLUMNS_AT_MOST + 3)}
    table = syscall_table(counted(count("epoll", calls)), SCENARIO)
    assert table is not None
    assert len(table.calls) == COLUMNS_AT_MOST
    assert round(table.rows[0].other, 6) == (1000 + 1001 + 1002) / 1000


def test_the_last_count_of_a_cell_holds_and_a_failed_one_is_a_row_with_its_reason() -> None:
    failed = SyscallCount("epoll", SCENARIO, "failed", "2026-01-02T03:04:05+00:00", "the server crashed")
    mended = syscall_table(counted(failed, count("epoll", CALLS["epoll"])), SCENARIO)
    broken = syscall_table(counted(count("epoll", CALLS["epoll"]), failed), SCENARIO)
    assert mended is not None
    assert broken is not None
    assert [row.missing for row in mended.rows] == [None]
    assert [row.missing for row in broken.rows] == ["the server crashed"]


def test_no_statistic_sees_a_count() -> None:
    run = everything()
    assert judge(run).frame.equals(judge(dataclasses.replace(run, syscalls=())).frame)


def test_the_page_and_the_summary_have_them(tmp_path: Path) -> None:
    run = SyntheticRun(scenarios=(echo(64),)).write(tmp_path)
    for name, calls in (*CALLS.items(), ("epoll-et", CALLS["epoll"])):
        append_syscalls(tmp_path, count(name, calls))
    assert len(read_run(run.folder).syscalls) == len(CALLS) + 1
    judgement = judge(read_run(tmp_path))
    page, summary = html(judgement, defaultdict(list)), markdown(judgement)
    assert "epoll_ctl</th>" in page
    assert "epoll-et 2.03 (recvfrom 1.00, sendto 1.00, epoll_wait 0.03)" in summary
    assert "asyncio 5.03 (recvfrom 2.00, epoll_ctl 2.00, sendto 1.00, epoll_wait 0.03)" in summary


def test_a_run_that_ended_while_counting_has_all_its_samples() -> None:
    said = tally.ended_early(judge(everything(status="interrupted", not_run=())))
    assert said == "This run has all its samples, and ended before all system calls were counted."


def test_a_page_without_counts_says_why() -> None:
    reason = "strace exists on Linux only, and this is darwin"
    assert reason in syscalls.why_none(judge(counted(no_syscalls=reason)))
    assert "was not reached" in syscalls.why_none(judge(counted(syscalls=True)))
    offered = (dataclasses.replace(echo(64), load="open"),)
    assert "cannot keep the schedule" in syscalls.why_none(judge(counted(syscalls=True, scenarios=offered)))
    assert "was not asked" in syscalls.why_none(judge(counted()))
    assert syscalls.why_none(judge(everything())) == ""
