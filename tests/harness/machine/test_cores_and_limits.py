"""Which cores are chosen, and how far the descriptor limit is raised."""

import os
import resource

import pytest

from lab.harness.machine import cores, limits


def use_machine(monkeypatch: pytest.MonkeyPatch, usable: set[int], siblings: dict[int, set[int]]) -> None:
    monkeypatch.setattr(cores.os, "sched_setaffinity", lambda *_args: None, raising=False)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _pid: usable, raising=False)
    monkeypatch.setattr(cores, "_siblings", lambda core: siblings.get(core, {core}))


def test_server_and_load_get_a_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, {2, 5}, {})
    assert cores.choose_cores() == cores.Cores(5, (2,), "server on core 5, load on core 2")


def test_threads_of_one_physical_core_are_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, {0, 1, 2, 3}, {0: {0, 1}})
    assert cores.choose_cores().server == 2


def test_threads_of_one_physical_core_are_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, {0, 1}, {0: {0, 1}})
    chosen = cores.choose_cores()
    assert (chosen.server, chosen.loads) == (1, (0,))
    assert "threads of one physical core" in chosen.note


def test_one_core_is_shared_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, {3}, {})
    chosen = cores.choose_cores()
    assert (chosen.server, chosen.loads) == (None, (None,))
    assert "one usable core" in chosen.note


def test_a_core_that_server_or_load_share_is_nobodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores.Cores(1, (0, 2), "").has_own(0)
    assert not any(cores.Cores(1, (0, 0), "").has_own(load) for load in (0, 1))
    assert not cores.Cores(1, (1,), "").has_own(0)
    use_machine(monkeypatch, {3}, {})
    assert not cores.choose_cores().has_own(0)
    use_machine(monkeypatch, {3, 4}, {})
    assert cores.Cores(None, (None,), "not pinned").has_own(0)


def test_each_load_process_gets_a_physical_core_away_from_the_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_machine(monkeypatch, set(range(8)), {core: {core % 4, core % 4 + 4} for core in range(8)})
    chosen = cores.choose_cores()
    assert (chosen.server, chosen.loads) == (1, (0, 2, 3))
    assert chosen.note == "server on core 1, 3 load processes on cores 0, 2, 3"
    assert cores.choose_cores(5).loads == (0, 2, 3, 4, 6)
    assert cores.choose_cores(1).note == "server on core 1, load on core 0"


def test_there_are_only_so_many_load_processes_unless_more_are_wished_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_machine(monkeypatch, set(range(32)), {})
    assert len(cores.choose_cores().loads) == cores.AUTOMATIC_LOADS
    assert len(set(cores.choose_cores(9).loads)) == 9


def test_more_load_processes_than_cores_share_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    use_machine(monkeypatch, {0, 1}, {})
    chosen = cores.choose_cores(2)
    assert (chosen.server, chosen.loads) == (1, (0, 0))
    assert chosen.note == "server on core 1, 2 load processes on core 0, which they share"
    use_machine(monkeypatch, {3}, {})
    assert cores.choose_cores(2).loads == (None, None)
    assert cores.choose_cores(2).note.endswith("; 2 load processes")


def test_a_system_that_cannot_pin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cores.os, "sched_setaffinity", raising=False)
    assert "no call that pins" in cores.choose_cores().note
    assert cores.pin(0) is False


def test_a_core_that_cannot_be_had_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(cores.os, "sched_setaffinity", refuse, raising=False)
    assert cores.pin(0) is False
    assert cores.pin(None) is False


@pytest.mark.parametrize(("text", "expected"), [("0\n", {0}), ("0-1\n", {0, 1}), ("0,4-6", {0, 4, 5, 6})])
def test_core_lists_are_read_as_linux_writes_them(text: str, expected: set[int]) -> None:
    assert cores.parse_core_list(text) == expected


def limit_calls(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, highest: int) -> list[int]:
    """Pretend these limits, where the system accepts no soft limit above ``highest``."""
    asked: list[int] = []

    def setrlimit(_which: int, wish: tuple[int, int]) -> None:
        asked.append(wish[0])
        if wish[0] > highest:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(limits.resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(limits.resource, "setrlimit", setrlimit)
    return asked


def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = limit_calls(monkeypatch, 1024, 20_000, 20_000)
    assert limits.raise_descriptor_limit() == 20_000
    assert asked == [20_000]


def test_a_limit_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = limit_calls(monkeypatch, 4096, 4096, 4096)
    assert limits.raise_descriptor_limit() == 4096
    assert asked == []


def test_an_unlimited_hard_limit_is_approached_from_above(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_calls(monkeypatch, 256, resource.RLIM_INFINITY, 24_576)
    assert limits.raise_descriptor_limit() == 24_576


def test_where_nothing_may_be_raised_the_limit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_calls(monkeypatch, 256, 1024, 0)
    assert limits.raise_descriptor_limit() == 256


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot pin a process")
def test_a_process_can_be_pinned_to_what_it_has() -> None:
    usable = os.sched_getaffinity(0)
    try:
        assert cores.pin(min(usable)) is True
        assert os.sched_getaffinity(0) == {min(usable)}
    finally:
        os.sched_setaffinity(0, usable)
