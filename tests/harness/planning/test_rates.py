"""Scenarios at an offered rate, and which workloads have them."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.harness.planning import plan
from lab.harness.planning.rates import at_rate, can_be_offered, clients_of, offerable_only, with_rates
from lab.harness.planning.selection import Selection
from lab.results import NotRun, RunRecord
from lab.workloads.clients import Asking, Offering
from lab.workloads.registry import WORKLOADS, workload
from tests.fake_measuring import FakeCatalogue, environment


def planned(*workloads: str, blocked: tuple[tuple[str, str], ...] = ()) -> RunRecord:
    selection = Selection(workloads=workloads, connections=(8,) if "ring" not in workloads else ())
    catalogue = FakeCatalogue(missing={"uvloop": "not installed"}, blocked=blocked)
    return plan.build(selection, environment(), id="r", seed=7, catalogue=catalogue)


def test_what_asks_over_connections_kept_open_can_be_offered_a_rate() -> None:
    closed_by_nature = {"ring", "pipeline", "churn", "fanout", "mixed", "udp"}
    in_process = {name for name, each in WORKLOADS.items() if each.load == "in-process"}
    assert {
        name for name, each in WORKLOADS.items() if not can_be_offered(each)
    } == closed_by_nature | in_process


def test_the_rate_belongs_to_the_scenario_and_stands_in_its_id() -> None:
    closed = workload("http").scenario()
    scenario = at_rate(closed, 20_000)
    assert scenario.id == f"{closed.id}@20000"
    assert scenario.title.endswith(", 20,000 offered/s")
    assert (scenario.load, scenario.rate_per_s, scenario.paced) == ("open", 20_000, True)
    assert scenario.parameters == closed.parameters


def test_the_clients_of_a_rate_are_those_of_the_closed_loop_on_a_schedule() -> None:
    work = workload("bulk-upload")
    closed = clients_of(work, work.scenario())
    offering = clients_of(work, at_rate(work.scenario(), 300))
    assert isinstance(closed, Asking) and isinstance(offering, Offering)
    assert offering.rate_per_s == 300
    assert offering.exchange == closed.exchange == "uploaded"
    assert sum(part.rate_per_s for part in offering.divided(4)) == 300


def test_every_scenario_is_planned_at_every_rate() -> None:
    record = planned("echo-sockets", "http", blocked=(("select", "http"),))
    sockets, http = (each.id for each in record.scenarios)
    offered = with_rates(record, {sockets: (100, 200), http: (300,)})
    assert [each.id for each in offered.scenarios] == [f"{sockets}@100", f"{sockets}@200", f"{http}@300"]
    assert NotRun("uvloop", None, "not installed") in offered.not_run
    assert [each.scenario for each in offered.not_run if each.scenario] == [f"{http}@300"]


def test_workloads_of_a_profile_that_have_no_rate_are_left_out_by_name() -> None:
    record = plan.build(Selection(), environment(), id="r", seed=7, catalogue=FakeCatalogue())
    offered = offerable_only(record, asked_for=())
    assert "ring" not in {each.workload for each in offered.scenarios}
    assert offered.warnings[-1] == "Left out, as they cannot be offered a rate: ring."
    assert offerable_only(offered, asked_for=()) == offered


def test_a_workload_that_was_asked_for_and_has_no_rate_is_refused_by_name() -> None:
    with pytest.raises(LabError, match=r"can be offered a rate, got ring: select among echo-sockets, "):
        offerable_only(planned("ring", "http"), asked_for=("ring", "http"))


@pytest.mark.parametrize(
    ("rate_per_s", "message"), [(0, "a rate of 1 to 1,000,000"), (2_000_000, "got 2,000,000")]
)
def test_a_rate_out_of_bounds_is_refused(rate_per_s: int, message: str) -> None:
    record = planned("http")
    with pytest.raises(LabError, match=message):
        with_rates(record, {record.scenarios[0].id: (rate_per_s,)})


def test_more_requests_than_the_load_can_remember_are_refused() -> None:
    selection = Selection(workloads=("http",), duration_s=600.0)
    record = plan.build(selection, environment(), id="r", seed=7, catalogue=FakeCatalogue())
    with pytest.raises(LabError, match="got 50,000 a second for 600 s: lower --rate or --duration"):
        with_rates(record, {record.scenarios[0].id: (50_000,)})
