"""What is found wrong with a machine, and what the person is told to do."""

from __future__ import annotations

from typing import Any

import pytest

from lab.harness.machine import checks
from lab.harness.machine.cores import Cores
from tests.fake_measuring import environment


def test_a_quiet_machine_gives_no_warning() -> None:
    assert checks.warnings(environment()) == ()
    assert {check.status for check in checks.examine(environment())} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "title", "advice"),
    [
        ({"cores_usable": 1}, "cores", "give the process two cores"),
        ({"extra": {"cpu_quota": "0.50 cores"}}, "CPU quota", "--cpus=2"),
        ({"load_average": (3.0, 1.0, 1.0)}, "load", "Wait until it is below 2.0"),
        ({"descriptor_limit": 256, "descriptor_limit_hard": 4096}, "open files", "ulimit -n 18100"),
        ({"governor": "powersave"}, "frequency governor", "cpupower frequency-set -g performance"),
        ({"governor": "performance, powersave"}, "frequency governor", "cpupower"),
        ({"extra": {"battery": "yes"}}, "power", "Plug the machine in"),
        ({"extra": {"PYTHONASYNCIODEBUG": "1"}}, "Python's switches", "unset PYTHONASYNCIODEBUG"),
        ({"extra": {"LD_PRELOAD": "libjemalloc.so"}}, "allocator", "unset LD_PRELOAD"),
        ({"extra": {"MALLOC_TOP_PAD_": "0"}}, "allocator", "unset MALLOC_TOP_PAD_"),
    ],
)
def test_what_disturbs_is_a_warning_with_a_way_out(changes: dict[str, Any], title: str, advice: str) -> None:
    (warning,) = checks.warnings(environment(**changes))
    assert warning.startswith(f"{title}: ")
    assert advice in warning


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"governor": None}, "frequency governor"),
        ({"load_average": None}, "load"),
        ({"virtualisation": None}, "virtualisation"),
        ({"virtualisation": "kvm"}, "virtualisation"),
        ({"pinning": "not pinned: this system has no call that pins a process"}, "pinning"),
    ],
)
def test_what_cannot_be_known_or_changed_is_only_a_note(changes: dict[str, Any], title: str) -> None:
    notes = [check.title for check in checks.examine(environment(**changes)) if check.status == "note"]
    assert notes == [title]
    assert checks.warnings(environment(**changes)) == ()


def test_load_processes_that_must_share_a_core_are_warned_of() -> None:
    assert checks.crowding(Cores(1, (0,), "")) == checks.crowding(Cores(1, (0, 2), "")) == ()
    (warning,) = checks.crowding(Cores(1, (0, 0), "2 load processes on core 0, which they share"))
    assert warning.startswith("load processes: 2 must share what there is (2 load processes on core 0")
    assert "Leave --load-processes out" in warning


def test_whether_system_calls_can_be_counted_is_said_and_no_warning() -> None:
    fine, not_here = checks.examine_syscalls(None), checks.examine_syscalls("strace is not installed")
    assert (fine.status, not_here.status) == ("ok", "note")
    assert "strace is not installed" in not_here.text


def test_subjects_that_cannot_run_are_notes_with_their_reason() -> None:
    present, missing = checks.examine_subjects({"epoll": None, "uvloop": "uvloop is not installed"})
    assert (present.status, present.found) == ("ok", "epoll")
    assert (missing.status, missing.title) == ("note", "uvloop")
    assert "uvloop is not installed" in missing.text
