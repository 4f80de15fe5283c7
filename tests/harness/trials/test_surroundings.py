"""What a workload must have around it: set up before the loop; where it cannot be, known beforehand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from lab.errors import LabError
from lab.harness import subjects
from lab.harness.trials import trial, trying
from lab.workloads.registry import workload
from tests.harness.one_sample import one_sample

ASKED = workload("dns").scenario(concurrent=3, delay=1)


@contextlib.contextmanager
def impossible() -> Iterator[None]:
    raise LabError("expected the impossible, got what there is")
    yield


@pytest.mark.parametrize("subject", ["asyncio", "uvloop", "floor"])
def test_names_are_looked_up_at_a_server_of_ones_own(subject: str) -> None:
    if reason := subjects.unavailable(subject) or subjects.cannot_run(subject, ASKED, 1024):
        pytest.skip(reason)
    taken = one_sample(subject, ASKED)
    assert (taken.status, taken.reason) == ("ok", None)
    assert taken.operations >= 3
    assert taken.latency is not None
    assert taken.latency.min_ns >= 1_000_000, "the server waits a millisecond"


def test_what_cannot_be_set_up_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    demanding = SimpleNamespace(surroundings=lambda _values: impossible())
    monkeypatch.setattr(trying, "workload", lambda _name: demanding)
    assert trying._reason({"surroundings": "demanding", "values": {}}) == (
        "expected the impossible, got what there is"
    )


def test_a_cell_without_its_surroundings_has_that_as_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        trial, "without_surroundings", lambda name, values: f"no {name} of {values['delay']} ms"
    )
    scenario = workload("dns").scenario(delay=977)
    for subject in ("asyncio", "floor"):
        assert subjects.cannot_run(subject, scenario, 1024) == "no dns of 977 ms"


def test_what_needs_nothing_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "without_surroundings", lambda *_: "was tried")
    for name in ("dns", "ring", "echo-sockets"):
        values = {"source": 1, "concurrent": 97} if name == "dns" else {}
        assert subjects.cannot_run("asyncio", workload(name).scenario(**values), 100_000) is None
