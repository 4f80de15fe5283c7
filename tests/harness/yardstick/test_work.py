"""The yardstick's fixed work."""

from __future__ import annotations

from lab.harness.yardstick import work


def test_the_work_takes_cpu_time() -> None:
    assert work.work_ns() > 0


def test_all_its_passes_are_timed(monkeypatch) -> None:
    passes: list[int] = []
    monkeypatch.setattr(work, "_pass", passes.append)
    monkeypatch.setattr(work, "thread_time_ns", lambda: 1000 + 7 * len(passes))
    assert work.work_ns() == 7 * work.PASSES
    assert passes == list(range(work.PASSES))
