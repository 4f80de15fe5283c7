"""What a process sees that it has used."""

import io
import os
import resource

import pytest

from lab.harness.measured import observer
from lab.harness.measured.account import Account


class Counting:
    def __init__(self) -> None:
        self.seen = {"waits": 3, "events": 5}

    def counters(self) -> dict[str, int]:
        return self.seen


def test_a_loop_that_counts_is_asked_for_its_counters() -> None:
    assert observer.account(Counting()).counters == {"waits": 3, "events": 5}


@pytest.mark.parametrize("loop", [None, object()])
def test_a_loop_without_counters_has_none(loop: object) -> None:
    assert observer.account(loop).counters is None


def test_a_descriptor_more_is_counted() -> None:
    before = observer.open_descriptors()
    with open(os.devnull, "rb"):
        assert observer.open_descriptors() == before + 1


def test_an_account_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [0.0] * 16
    fields[:2] = [1.5, 0.5]
    fields[6:8] = [11, 2]
    fields[14:16] = [33, 44]
    monkeypatch.setattr(observer.resource, "getrusage", lambda _who: resource.struct_rusage(fields))
    assert observer.account() == Account(2.0, 1.5, 0.5, 11, 2, 33, 44)


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
