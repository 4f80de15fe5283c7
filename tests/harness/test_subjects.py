"""Subjects by name: what they are, and why some cannot run."""

import asyncio

import pytest

from lab.errors import LabError, UnknownNameError
from lab.harness import subjects
from lab.harness.trials import trial
from lab.workloads.registry import workload

CUSTOM = "tests.harness.loops_for_tests"


@pytest.fixture(autouse=True)
def forget_what_was_probed() -> None:
    subjects.unavailable.cache_clear()
    subjects._examined.cache_clear()


def test_names_are_unique_and_each_can_be_described() -> None:
    names = subjects.names()
    assert len(set(names)) == len(names)
    assert [subjects.describe(name).name for name in names] == names


def test_what_runs_by_default_is_known_and_holds_control_and_floor() -> None:
    default = subjects.default_names()
    assert set(default) <= set(subjects.names())
    assert {subjects.CONTROL, subjects.FLOOR, "select", "poll", "uvloop"} <= set(default)
    assert not [name for name in default if name.endswith("+pytasks")]


def test_exactly_one_subject_is_the_control() -> None:
    controls = [name for name in subjects.names() if subjects.describe(name).control]
    assert controls == [subjects.CONTROL]


def test_the_twin_is_the_control_under_another_name() -> None:
    twin = subjects.describe(subjects.twin_name)
    assert (twin.name, twin.twin_of, twin.control) == ("asyncio-again", "asyncio", False)
    assert subjects.factory(twin.name) is asyncio.new_event_loop


@pytest.mark.parametrize(
    ("name", "kind", "label", "trigger"),
    [
        ("epoll", "mini-loop", "mini-loop on epoll", "level"),
        ("epoll-et", "mini-loop", "mini-loop on epoll-et", "edge"),
        ("poll+pytasks", "mini-loop", "mini-loop on poll, tasks in Python", "level"),
        ("floor", "floor", "bare system calls, no event loop", "level"),
        (f"{CUSTOM}:CountingLoop", "custom", f"{CUSTOM}:CountingLoop", None),
    ],
)
def test_a_description_says_what_the_subject_is(name: str, kind: str, label: str, trigger: str) -> None:
    record = subjects.describe(name)
    assert (record.kind, record.label, record.trigger) == (kind, label, trigger)


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError) as caught:
        subjects.describe("epol")
    assert caught.value.nearest == "epoll"
    assert "Did you mean 'epoll'?" in str(caught.value)


@pytest.mark.parametrize("name", ["select", "poll", "poll+pytasks", "asyncio", f"{CUSTOM}:CountingLoop"])
def test_a_factory_makes_a_loop_that_runs(name: str) -> None:
    loop = subjects.factory(name)()
    try:
        assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    finally:
        loop.close()
    assert subjects.unavailable(name) is None


def test_the_floor_is_always_available_and_has_no_loop() -> None:
    assert subjects.unavailable("floor") is None
    with pytest.raises(ValueError, match="no event loop"):
        subjects.factory("floor")


def test_a_loop_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects.importlib.util, "find_spec", lambda _name: None)
    assert subjects.unavailable("uvloop") == "uvloop is not installed: pip install uvloop"
    assert subjects.nonconforming("uvloop") is None


@pytest.mark.parametrize("kind", [ImportError, RuntimeError, SystemExit])
def test_a_loop_that_breaks_on_import_does_not_break_the_lab(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_name: str) -> None:
        raise kind("undefined symbol: uv_loop_init")

    monkeypatch.setattr(subjects.importlib, "import_module", broken)
    expected = f"importing uvloop raised {kind.__name__}: undefined symbol: uv_loop_init"
    assert subjects.unavailable_here("uvloop") == expected


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:new", "expected to import no_such_module, which is not there"),
        (f"{CUSTOM}:no_such_factory", "no_such_factory"),
        (f"{CUSTOM}:refused_loop", "refused_loop() raised OSError: this mechanism is out of order"),
        (f"{CUSTOM}:nonsense", f"{CUSTOM}:nonsense() returned 42, expected an event loop"),
        (f"{CUSTOM}:not_a_factory", "to be a callable that makes an event loop"),
    ],
)
def test_a_custom_subject_that_cannot_be_opened_says_why(name: str, reason: str) -> None:
    assert reason in subjects.unavailable(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("leaving_loop", "tried in a process of its own: trial: ended early, with exit status 7"),
        ("dying_loop", "tried in a process of its own: trial: ended early, killed by SIGKILL"),
        ("chatty_loop", None),
    ],
)
def test_a_factory_that_ends_its_process_or_prints_leaves_the_lab_alone(
    name: str, reason: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert subjects.unavailable(f"{CUSTOM}:{name}") == reason
    assert capfd.readouterr() == ("", "")


def test_a_factory_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "TRIAL_S", 0.5)
    reason = subjects.unavailable(f"{CUSTOM}:hanging_loop")
    assert "to make a loop that closes again within 0.5 s of the start, got no answer" in reason


def test_trouble_in_a_workload_is_left_to_the_sample_and_what_came_before_is_kept() -> None:
    found = trial.examine(f"{CUSTOM}:LeavingInUdpLoop")
    assert found == trial.Examination(None, [], {})


def test_a_loop_that_fails_a_check_can_be_made_and_says_which_it_fails() -> None:
    name = f"{CUSTOM}:DeafLoop"
    assert subjects.unavailable(name) is None
    assert subjects.nonconforming(name) == (
        "fails the conformance test: add_reader: calls while nobody reads, up to the third: "
        "expected [1, 1, 1], got []"
    )


def test_a_check_that_ends_the_process_is_the_last_and_is_named() -> None:
    reason = subjects.nonconforming(f"{CUSTOM}:LeavingInThreadLoop")
    assert reason == (
        "fails the conformance test: call_soon_threadsafe: trial: ended early, with exit status 9"
    )


@pytest.mark.parametrize("name", ["asyncio", "asyncio-again", "floor", "poll"])
def test_what_the_lab_or_python_answers_for_is_not_examined(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "_trial", lambda: pytest.fail("examined"))
    assert subjects.nonconforming(name) is None


@pytest.mark.parametrize("name", [":x", "x:", ":", "a b:c", "a:b:c", "a.:b"])
def test_a_custom_name_that_is_no_module_and_factory_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="expected module:factory, such as"):
        subjects.describe(name)


def test_select_cannot_watch_more_than_its_limit() -> None:
    scenario = workload("idle").scenario(idle=1000, active=38)
    for name in ("select", "selectors-select", "select+pytasks"):
        reason = subjects.cannot_run(name, scenario, 100_000)
        assert "watches descriptors below 1,024 only; this scenario needs 1,070" in reason
    assert subjects.cannot_run("poll", scenario, 100_000) is None
    assert subjects.cannot_run("floor", scenario, 100_000) is None


def test_nobody_can_open_more_than_the_limit_on_descriptors() -> None:
    scenario = workload("ring").scenario(pairs=1000)
    reason = subjects.cannot_run("asyncio", scenario, 1024)
    assert "needs 2,032 descriptors a process, the limit here is 1,024, raised as far as allowed" in reason
    assert subjects.cannot_run("asyncio", scenario, 2032) is None
