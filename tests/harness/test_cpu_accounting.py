"""The CPU per request that a sample reports is the CPU that the server used: checked from end to end.

A server burns a known amount for each request and counts it by its own thread's clock. CPU time is compared
with CPU time, so a machine that is busy with other things makes the test slower, not the figures different.
"""

from __future__ import annotations

import pytest

from lab.harness.sampling import Timing
from lab.results import Sample
from lab.workloads.registry import workload
from tests.harness.loops_for_tests import BURN_NS
from tests.harness.one_sample import one_sample

LEAST, MOST = 0.99, 1.10
"""What the account may hold, as a multiple of what was burned: the echo itself comes on top."""


@pytest.fixture(scope="module", params=["echo-sockets", "echo-sockets-unix"])
def burned(request: pytest.FixtureRequest) -> Sample:
    return one_sample(
        "tests.harness.loops_for_tests:BurningLoop",
        workload(request.param).scenario(connections=2, size=64),
        timing=Timing(window_s=0.1, warmup_s=0.02, deadline_s=30),
    )


def test_the_account_holds_what_was_burned_and_little_more(burned: Sample) -> None:
    assert (burned.status, burned.reason) == ("ok", None)
    assert LEAST <= burned.cpu_s / (burned.counters["burned_ns"] / 1e9) <= MOST


def test_the_cost_of_a_request_is_what_each_burned(burned: Sample) -> None:
    assert burned.operations == burned.counters["echoed"] > 0
    assert burned.counters["burned_ns"] >= burned.operations * BURN_NS
    each_us = burned.counters["burned_ns"] / burned.operations / 1e3
    assert LEAST * each_us <= burned.cpu_us_per_operation <= MOST * each_us
