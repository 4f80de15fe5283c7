"""Accounts of processes from outside agree with what processes say of themselves."""

from __future__ import annotations

import resource
import subprocess
import sys

import psutil
import pytest

from lab.harness.measured.process_tree import account_of

TICK_S = 0.01
BURN = "import time\nwhile time.process_time() < 0.05: pass"


def used_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def test_the_account_of_a_process_is_its_getrusage() -> None:
    before_s = used_s(resource.RUSAGE_SELF) + used_s(resource.RUSAGE_CHILDREN)
    account = account_of(psutil.Process())
    after_s = used_s(resource.RUSAGE_SELF) + used_s(resource.RUSAGE_CHILDREN)
    missing = used_s(resource.RUSAGE_CHILDREN) if sys.platform != "linux" else 3 * TICK_S
    assert before_s - missing <= account.cpu_s <= after_s + TICK_S
    assert account.minor_faults > 0
    assert account.voluntary_switches + account.involuntary_switches > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells others of children that have ended")
def test_a_child_that_was_waited_for_stays_in_its_parents_account() -> None:
    children_s, before = used_s(resource.RUSAGE_CHILDREN), account_of(psutil.Process())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    burned_s = used_s(resource.RUSAGE_CHILDREN) - children_s
    assert account_of(psutil.Process()).cpu_s - before.cpu_s >= burned_s - 2 * TICK_S
