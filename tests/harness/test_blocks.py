"""Samples that are taken together: who is beside whom, whose turn it is, and what becomes of a failure."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from lab.harness import blocks
from lab.harness.blocks import take_block, together
from lab.harness.machine.cores import Cores
from lab.harness.planning import plan
from lab.harness.planning.plan import Cell
from lab.harness.planning.selection import Selection
from lab.harness.sampling import Steps, choose_cores
from lab.harness.yardstick.laying import Yardstick
from lab.results import ProgramRecord, RunRecord, Sample
from tests.fake_measuring import FakeCatalogue, environment, figures
from tests.harness.one_sample import TIMING

PINNED = Cores(1, (0,), "server on core 1, load on core 0")
HOW: dict[str, Any] = {"timing": TIMING, "cores": PINNED, "seed": 5}


def planned(**changes: Any) -> RunRecord:
    options = {"backends": ("epoll", "poll"), "workloads": ("echo-sockets",), "rounds": 1} | changes
    return plan.build(Selection(**options), environment(), id="r", seed=7, catalogue=FakeCatalogue())


def first_round(record: RunRecord) -> tuple[Cell, ...]:
    return next(plan.rounds(record))


def names(block: Any) -> list[str]:
    return [cell.subject.name for cell in block]


def test_all_subjects_of_a_scenario_are_taken_together() -> None:
    cells = first_round(planned(workloads=("echo-sockets", "echo-streams")))
    cut = list(together(cells))
    assert [len(block) for block in cut] == [len(cells) // 2] * 2
    assert [cell for block in cut for cell in block] == list(cells)
    assert all(len({cell.scenario.id for cell in block}) == 1 for block in cut)


@pytest.mark.parametrize("workload", ["mixed", "idle-cpu"])
def test_a_window_that_must_not_be_interrupted_is_taken_alone(workload: str) -> None:
    assert {len(block) for block in together(first_round(planned(workloads=(workload,))))} == {1}


def test_a_program_of_somebodys_own_is_taken_alone() -> None:
    program = ProgramRecord("command", "python server.py {port}", "/", "same")
    cells = first_round(planned(workloads=(), programs=(program,)))
    assert {len(block) for block in together(cells)} == {1}


def test_as_many_are_open_at_once_as_the_kernel_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_DESCRIPTORS", 40_000)
    record = planned(workloads=("idle",), settings={("idle", "idle"): (9_000,)})
    sizes = [len(block) for block in together(first_round(record))]
    assert sum(sizes) == len(record.subjects)
    assert len(sizes) > 1
    assert max(sizes) * 2 * 9_000 <= 40_000
    assert max(sizes) - min(sizes) <= 1


class Scripted:
    """Samples without processes: what `sample_in_steps` is replaced by, and a diary of what happened."""

    def __init__(self, slices: int = 3) -> None:
        self.slices, self.diary = slices, []
        self.failing: str | None = None
        self.interrupted: str | None = None

    def __call__(self, subject: Any, scenario: Any, **how: Any) -> Steps:
        identity = {name: how[name] for name in ("round", "order", "warmup")}
        identity |= {"subject": subject.name, "scenario": scenario.id, "started_at": ""}
        self.diary.append(("opened", subject.name))
        try:
            for _ in range(self.slices):
                yield
                self.diary.append(("slice", subject.name))
                if self.interrupted == subject.name:
                    raise KeyboardInterrupt
                if self.failing == subject.name:
                    return Sample(**identity, status="failed", reason="expected to serve, crashed")
            return Sample(**identity, status="ok", **figures(subject, scenario, how["round"]))
        finally:
            self.diary.append(("ended", subject.name))

    def of(self, what: str) -> list[str]:
        return [name for event, name in self.diary if event == what]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    steps = Scripted()
    monkeypatch.setattr(blocks, "sample_in_steps", steps)
    return steps


def test_all_are_open_before_the_first_slice(scripted: Scripted) -> None:
    block = first_round(planned())
    list(take_block(block, **HOW))
    assert [event for event, _ in scripted.diary[: len(block)]] == ["opened"] * len(block)
    assert scripted.of("opened") == names(block)


def test_each_sample_names_the_block_that_it_was_taken_in(scripted: Scripted) -> None:
    block = first_round(planned())
    assert {sample.block for sample in take_block(block, **HOW)} == {min(cell.order for cell in block)}
    assert [sample.block for sample in take_block(block[:1], **HOW)] == [None]


def test_each_has_one_slice_in_every_pass_in_an_order_shuffled_anew(scripted: Scripted) -> None:
    scripted.slices = 20
    block = first_round(planned())
    list(take_block(block, **HOW))
    slices, count = scripted.of("slice"), len(block)
    passes = [tuple(slices[begin : begin + count]) for begin in range(0, len(slices), count)]
    assert len(passes) == 20
    assert all(sorted(each) == sorted(names(block)) for each in passes)
    assert len(set(passes)) > 10


def test_the_order_follows_from_the_seed(scripted: Scripted) -> None:
    block = first_round(planned())
    list(take_block(block, **HOW))
    first = scripted.diary.copy()
    scripted.diary.clear()
    list(take_block(block, **HOW))
    assert scripted.diary == first


def test_one_that_fails_leaves_the_others_their_windows(scripted: Scripted) -> None:
    scripted.failing = "poll"
    block = first_round(planned())
    taken = {sample.subject: sample.status for sample in take_block(block, **HOW)}
    assert taken == {name: "failed" if name == "poll" else "ok" for name in names(block)}
    assert {scripted.of("slice").count(name) for name in taken if name != "poll"} == {3}
    assert scripted.of("slice").count("poll") == 1


def test_an_interrupt_ends_all_that_are_open(scripted: Scripted) -> None:
    scripted.interrupted = "epoll"
    block = first_round(planned())
    with pytest.raises(KeyboardInterrupt):
        list(take_block(block, **HOW))
    assert sorted(scripted.of("ended")) == sorted(names(block))


def test_who_stops_listening_ends_all_that_are_open(scripted: Scripted) -> None:
    scripted.failing = "poll"
    block = first_round(planned())
    samples = take_block(block, **HOW)
    assert next(samples).subject == "poll"
    samples.close()
    assert sorted(scripted.of("ended")) == sorted(names(block))


def test_real_samples_are_taken_together_each_with_its_own_figures() -> None:
    record = planned(backends=("epoll",), settings={("echo-sockets", "connections"): (3,)})
    block = [cell for cell in first_round(record) if cell.subject.name in ("epoll", "asyncio", "floor")]
    taken = list(take_block(block, timing=TIMING, cores=choose_cores(), seed=3))
    assert sorted(sample.subject for sample in taken) == ["asyncio", "epoll", "floor"]
    for sample in taken:
        assert (sample.status, sample.reason) == ("ok", None)
        assert sample.operations > 0
        assert sample.window_s >= TIMING.window_s * 0.9
        assert len(sample.yardstick_ns) == len(sample.exchange_ns) == readings(sample)
        assert all(reading > 0 for reading in sample.yardstick_ns + sample.exchange_ns)


def readings(sample: Sample) -> int:
    """One before and one after each slice, where the system pins processes to cores."""
    return 0 if choose_cores().server is None else 2 * len(sample.slice_cpu_s)


def test_where_cores_are_shared_no_yardstick_is_laid_on() -> None:
    block = first_round(planned(backends=("epoll",), settings={("echo-sockets", "connections"): (3,)}))
    (sample,) = take_block(block[:1], timing=TIMING, cores=Cores(None, (None,), "not pinned"), seed=3)
    assert (sample.status, sample.yardstick_ns, sample.exchange_ns) == ("ok", (), ())


def test_without_a_load_there_is_work_for_the_yardstick_and_nothing_to_exchange() -> None:
    block = first_round(planned(backends=("epoll",), workloads=("callbacks",)))
    (sample,) = take_block(block[:1], timing=TIMING, cores=choose_cores(), seed=3)
    assert (sample.status, sample.exchange_ns) == ("ok", ())
    assert len(sample.yardstick_ns) == readings(sample)


@pytest.mark.parametrize("end", [0, 1], ids=["near", "far"])
def test_a_yardstick_that_is_gone_fails_the_sample_that_asked_and_no_other(
    end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(Yardstick):
        asked = 0

        def lay_on(self, exchanges: bool) -> dict[str, Any]:
            self.asked += 1
            if self.asked == 2:
                os.kill(self.pids[end], signal.SIGKILL)
            return super().lay_on(exchanges)

    monkeypatch.setattr(blocks, "Yardstick", Dying)
    record = planned(backends=("epoll",), settings={("echo-sockets", "connections"): (3,)})
    cores = choose_cores()
    if cores.server is None:  # laid on for once where nothing can be pinned, too
        cores = replace(cores, server=0)
    taken = list(take_block(first_round(record), timing=TIMING, cores=cores, seed=3))
    failed = [sample for sample in taken if sample.status == "failed"]
    assert len(failed) == 1
    assert "yardstick" in str(failed[0].reason)
    assert all(sample.yardstick_ns for sample in taken if sample is not failed[0])
