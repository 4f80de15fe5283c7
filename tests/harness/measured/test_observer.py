"""Snapshots of what a process has used, and their differences."""

import io
import resource

import pytest

from lab.harness.measured import observer


class Counting:
    def __init__(self) -> None:
        self.seen = {"waits": 3, "events": 5}

    def counters(self) -> dict[str, int]:
        return self.seen


def test_a_difference_is_taken_field_by_field_and_counter_by_counter() -> None:
    loop = Counting()
    before = observer.usage(loop)
    loop.seen = {"waits": 10, "events": 25, "would_block": 2}
    after = dict(before, cpu_user_s=before["cpu_user_s"] + 0.25, counters=loop.counters())
    used = observer.difference(before, after)
    assert used["cpu_user_s"] == pytest.approx(0.25)
    assert used["minor_faults"] == 0
    assert used["counters"] == {"waits": 7, "events": 20, "would_block": 2}


@pytest.mark.parametrize("loop", [None, object()])
def test_a_loop_without_counters_has_none(loop: object) -> None:
    before, after = observer.usage(loop), observer.usage(loop)
    assert observer.difference(before, after)["counters"] is None


def test_a_snapshot_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [0.0] * 16
    fields[:2] = [1.5, 0.5]
    fields[6:8] = [11, 2]
    fields[14:16] = [33, 44]
    monkeypatch.setattr(observer.resource, "getrusage", lambda _who: resource.struct_rusage(fields))
    assert observer.usage() == {
        "cpu_user_s": 1.5,
        "cpu_system_s": 0.5,
        "minor_faults": 11,
        "major_faults": 2,
        "voluntary_switches": 33,
        "involuntary_switches": 44,
        "counters": None,
    }


def test_what_is_resident_now_comes_from_the_page_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    rollup = "5581-7ffd ---p 00000000 00:00 0 [rollup]\nRss:      10812 kB\nPss:   9000 kB\n"
    monkeypatch.setattr(observer, "open", lambda *_args, **_more: io.StringIO(rollup), raising=False)
    assert observer.resident_bytes() == 10812 * 1024


def test_without_page_tables_to_read_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(*_args: object, **_more: object) -> None:
        raise FileNotFoundError

    exact = observer.resident_bytes()
    monkeypatch.setattr(observer, "open", no_proc, raising=False)
    assert observer.resident_bytes() == pytest.approx(exact, rel=0.5)


def test_the_peak_comes_from_the_address_space_not_from_the_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    status = "Name:\tpython\nVmPeak:\t  99999 kB\nVmHWM:\t   10812 kB\n"
    monkeypatch.setattr(observer, "open", lambda *_args, **_more: io.StringIO(status), raising=False)
    assert observer.peak_rss_bytes() == 10812 * 1024


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("freebsd14", 1024)])
def test_without_proc_the_peak_is_getrusages_in_the_systems_unit(
    monkeypatch: pytest.MonkeyPatch, platform: str, unit: int
) -> None:
    def no_proc(*_args: object, **_more: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(observer, "open", no_proc, raising=False)
    monkeypatch.setattr(observer.sys, "platform", platform)
    fields = [0] * 16
    fields[2] = 5000
    monkeypatch.setattr(observer.resource, "getrusage", lambda _who: resource.struct_rusage(fields))
    assert observer.peak_rss_bytes() == 5000 * unit
