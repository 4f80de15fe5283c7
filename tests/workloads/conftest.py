"""Each mechanism that a bare readiness call may stand on, opened."""

from __future__ import annotations

import select
from collections.abc import Callable

import pytest

from lab.workloads.readiness import KqueueReadiness, PollReadiness, Readiness
from tests.backends import fake_kqueue

MECHANISMS: dict[str, Callable[[], Readiness]] = {
    "poll": PollReadiness,
    "fake kqueue": lambda: KqueueReadiness(fake_kqueue),
}
if hasattr(select, "epoll"):
    MECHANISMS["epoll"] = select.epoll
if hasattr(select, "kqueue"):
    MECHANISMS["kqueue"] = KqueueReadiness


@pytest.fixture(params=MECHANISMS)
def mechanism(request: pytest.FixtureRequest) -> Callable[[], Readiness]:
    """What opens one mechanism."""
    return MECHANISMS[request.param]
