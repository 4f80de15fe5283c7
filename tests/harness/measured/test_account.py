"""Accounts: their sums and differences, and what is told of them."""

from __future__ import annotations

import pytest

from lab.harness.measured.account import Account


def test_the_exact_sum_is_split_as_what_was_seen() -> None:
    used = (Account(2.5, 1.5, 0.75, 9, 1, 7, 5) - Account(1.5, 1.0, 0.25, 4, 1, 2, 3)).told()
    assert used["cpu_user_s"] == pytest.approx(0.5)
    assert used["cpu_system_s"] == pytest.approx(0.5)
    assert (used["minor_faults"], used["major_faults"]) == (5, 0)
    assert (used["voluntary_switches"], used["involuntary_switches"]) == (5, 2)


def test_a_window_without_a_tick_keeps_its_sum() -> None:
    used = (Account(cpu_s=0.004) - Account(cpu_s=0.001)).told()
    assert (used["cpu_user_s"], used["cpu_system_s"]) == (pytest.approx(0.003), 0.0)


def test_accounts_add_up() -> None:
    assert sum([Account(1, 2, 3, 4, 5, 6, 7)] * 2, Account()) == Account(2, 4, 6, 8, 10, 12, 14)


def test_counters_are_subtracted_one_by_one() -> None:
    before = Account(counters={"waits": 3, "events": 5})
    after = Account(counters={"waits": 10, "events": 25, "would_block": 2})
    assert (after - before).told()["counters"] == {"waits": 7, "events": 20, "would_block": 2}


def test_counters_of_slices_add_up() -> None:
    slices = [Account(counters={"waits": 3}), Account(counters={"waits": 4, "events": 1})]
    assert sum(slices, Account()).told()["counters"] == {"waits": 7, "events": 1}


def test_a_loop_that_counts_nothing_has_no_counters() -> None:
    assert (Account(1.0) - Account()).told()["counters"] is None
