"""The hinge: what is written is what is read."""

import contextlib
import dataclasses
import itertools
import json
from pathlib import Path

import pytest

from lab import results
from lab.errors import RunError


def sample(**changes: object) -> results.Sample:
    fields = dict(
        subject="epoll",
        scenario="ring[pairs=1]",
        round=0,
        order=3,
        status="ok",
        started_at="2026-01-01T00:00:00+00:00",
    )
    return results.Sample(**(fields | changes))


def latency() -> results.LatencyRecord:
    return results.LatencyRecord(3, 1, 2.5, 2, 3, 3, 3, 3, (2, 4), (2, 1))


def record(**changes: object) -> results.RunRecord:
    environment = results.Environment(
        captured_at="2026-01-01T00:00:00+00:00",
        system="Linux",
        machine="x86_64",
        cpu_model=None,
        cores_logical=2,
        cores_usable=2,
        memory_bytes=None,
        governor=None,
        virtualisation=None,
        load_average=(0.1, 0.2, 0.3),
        descriptor_limit=1024,
        descriptor_limit_hard=4096,
        pinning="none",
        python="CPython",
        packages={"uvloop": "1"},
        muxlab="0.1.0",
    )
    fields = dict(
        id="r",
        muxlab="0.1.0",
        created_at="2026-01-01T00:00:00+00:00",
        profile="smoke",
        seed=1,
        rounds=1,
        warmup_rounds=0,
        duration_s=0.1,
        subjects=(results.SubjectRecord("epoll", "mini-loop", "mini-loop on epoll", "level"),),
        scenarios=(
            results.ScenarioRecord("ring[pairs=1]", "ring", "Ring", "?", "event", "in-process", {"pairs": 1}),
        ),
        not_run=(results.NotRun("kqueue", None, "not on this system"),),
        environment=environment,
        command="muxlab bench",
    )
    return results.RunRecord(**(fields | changes))


def test_a_sample_survives_the_round_trip_through_json() -> None:
    before = sample(latency=latency(), counters={"waits": 2}, stderr_tail="é\n")
    assert results.from_json(results.Sample, results.to_json(before)) == before


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    results.write_run(tmp_path, record())
    results.append_sample(tmp_path, sample())
    results.append_sample(tmp_path, sample(order=4))
    run = results.read_run(tmp_path)
    assert run.record == record()
    assert [each.order for each in run.samples] == [3, 4]


def test_what_is_no_text_does_not_keep_a_record_from_being_written(tmp_path: Path) -> None:
    results.write_run(tmp_path, record(command="caf\udce9/muxlab bench"))
    results.append_sample(tmp_path, sample(reason="got \udcff"))
    run = results.read_run(tmp_path)
    assert (run.record.command, run.samples[0].reason) == ("caf?/muxlab bench", "got ?")


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    results.write_run(tmp_path, record())
    results.append_sample(tmp_path, sample())
    with open(tmp_path / results.SAMPLES_FILE, "a", encoding="utf-8") as file:
        file.write('{"subject":"epo')
    assert results.read_run(tmp_path).samples == (sample(),)


@pytest.mark.parametrize("name", [results.SAMPLES_FILE, results.SYSCALLS_FILE])
def test_a_line_cut_off_in_a_complete_run_is_damage(tmp_path: Path, name: str) -> None:
    results.write_run(tmp_path, record(status="complete"))
    (tmp_path / name).write_text('{"subject":"epo', "utf-8")
    (damage,) = results.read_run(tmp_path).damage
    assert damage.startswith(f"{tmp_path / name}, line 1, is cut off and was left out, though run.json says")
    for status in ("running", "interrupted"):
        results.write_run(tmp_path, record(status=status))
        assert results.read_run(tmp_path).damage == ()


def test_counts_of_system_calls_are_read_back_and_damage_among_them_is_named(tmp_path: Path) -> None:
    results.write_run(tmp_path, record())
    counts = [
        results.SyscallCount("epoll", "ring[pairs=1]", "ok", "2026", None, 10, {"read": 10}),
        results.SyscallCount("poll", "ring[pairs=1]", "failed", "2026", "it crashed"),
    ]
    results.append_syscalls(tmp_path, counts[0])
    with open(tmp_path / results.SYSCALLS_FILE, "ab") as file:
        file.write(b"rubbish\n")
    results.append_syscalls(tmp_path, counts[1])
    run = results.read_run(tmp_path)
    (damage,) = run.damage
    assert run.syscalls == tuple(counts)
    assert f"{results.SYSCALLS_FILE}, line 2, is damaged and was left out" in damage


@pytest.mark.parametrize("rubbish", [b"rubbish", b"\xff\xfe", b"42", b"", b"\0\0"])
def test_a_damaged_line_costs_its_own_sample_only_and_is_named(tmp_path: Path, rubbish: bytes) -> None:
    results.write_run(tmp_path, record())
    results.append_sample(tmp_path, sample())
    with open(tmp_path / results.SAMPLES_FILE, "ab") as file:
        file.write(rubbish + b"\n")
    results.append_sample(tmp_path, sample(order=4))
    run = results.read_run(tmp_path)
    assert run.samples == (sample(), sample(order=4))
    (damage,) = run.damage
    assert f"{results.SAMPLES_FILE}, line 2, is damaged and was left out" in damage


ONE_OF_EACH_TYPE = ("x", 1, True, None, [1], {"a": 1})


def places(value: object, place: tuple = ()) -> list[tuple[tuple, object]]:
    """Everything in a document that is not null, with where it stands."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [each for key, item in inside for each in places(item, (*place, key))]
    return below if value is None else [(place, value), *below]


def changed(document: object, place: tuple, value: object) -> object:
    """A copy of the document with ``value`` in the place."""
    if not place:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[place[0]] = changed(copy[place[0]], place[1:], value)
    return copy


def json_type(value: object) -> type:
    return float if type(value) is int else type(value)


def full_sample() -> results.Sample:
    return sample(
        latency=latency(),
        counters={"waits": 2},
        reason="r",
        stderr_tail="t",
        connection_bytes=1.5,
        load_cpu_s=0.1,
        load_utilisation=0.2,
    )


def full_record() -> results.RunRecord:
    return record(precision=0.05, max_time_s=1.0, finished_at="f", stopped="s", warnings=("w",))


@pytest.mark.parametrize("whole", [full_sample(), full_record()])
def test_a_value_of_another_type_is_refused_wherever_it_stands(whole: object) -> None:
    document = json.loads(results.to_json(whole))
    accepted = []
    for (place, value), other in itertools.product(places(document), ONE_OF_EACH_TYPE):
        if json_type(other) is json_type(value) or (other is None and place):
            continue
        with contextlib.suppress(RunError):
            results.from_json(type(whole), json.dumps(changed(document, place, other)))
            accepted.append((place, other))
    assert accepted == []


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("subject", None, "expected a text as subject, got null"),
        ("window_s", None, "expected a number as window_s, got null"),
        ("window_s", 10**400, "a number that can be counted with as window_s"),
        ("operations", 1.5, r"a whole number as operations, got 1\.5"),
        ("operations", 2**63, "a whole number that can be counted with as operations"),
        ("operations", True, "a whole number as operations, got true"),
        ("reason", "\ud800", "a text of whole characters as reason"),
        ("latency", {"count": 1}, r"expected latency\.min_ns, which is not there"),
        ("latency", [[]] * 20, r"expected an object as latency, got .*…"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(field: str, value: object, expected: str) -> None:
    document = json.loads(results.to_json(sample()))
    with pytest.raises(RunError, match=expected):
        results.from_json(results.Sample, json.dumps(document | {field: value}))


def test_null_stands_only_where_there_may_be_nothing() -> None:
    document = json.loads(results.to_json(full_sample()))
    silent = set()
    for name in document:
        with contextlib.suppress(RunError):
            results.from_json(results.Sample, json.dumps(document | {name: None}))
            silent.add(name)
    assert silent == {field.name for field in dataclasses.fields(results.Sample) if field.default is None}


@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", '{"schema": 1e999}', '{"schema": null}', "{}", "[]"])
def test_a_record_that_cannot_be_understood_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / results.RUN_FILE).write_text(text)
    with pytest.raises(RunError, match=r"run\.json is not the record of a run: expected "):
        results.read_run(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null", b"\xff"])
def test_microbenchmarks_that_cannot_be_read_cost_nothing_else(tmp_path: Path, data: bytes) -> None:
    results.write_run(tmp_path, record())
    (tmp_path / results.MICROBENCH_FILE).write_bytes(data)
    run = results.read_run(tmp_path)
    assert run.microbench is None
    assert "microbench.json is damaged and was left out: " in run.damage[0]


def test_a_last_line_without_its_end_counts_if_whole_and_is_damage_if_it_does_not_fit(tmp_path: Path) -> None:
    results.write_run(tmp_path, record())
    path = tmp_path / results.SAMPLES_FILE
    path.write_text(results.to_json(sample()))
    assert results.read_run(tmp_path).samples == (sample(),)
    path.write_text('{"subject":1}')
    assert len(results.read_run(tmp_path).damage) == 1


def test_a_separator_of_unicode_does_not_end_a_line(tmp_path: Path) -> None:
    results.write_run(tmp_path, record())
    results.append_sample(tmp_path, sample(stderr_tail="one\u2028two"))
    assert results.read_run(tmp_path).samples[0].stderr_tail == "one\u2028two"


def test_a_folder_that_is_no_run_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected run\.json"):
        results.read_run(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    results.write_run(tmp_path, record(schema=results.SCHEMA + 1))
    with pytest.raises(RunError, match="newer muxlab"):
        results.read_run(tmp_path)


def test_unknown_keys_are_ignored_and_bad_values_refused() -> None:
    text = results.to_json(sample())
    assert results.from_json(results.Sample, text[:-1] + ',"later":1}') == sample()
    with pytest.raises(RunError, match="expected one of"):
        results.from_json(results.Sample, text.replace('"ok"', '"fine"'))


def test_cpu_per_operation_is_in_microseconds_and_not_a_number_for_nothing() -> None:
    assert sample(operations=4, cpu_user_s=1e-6, cpu_system_s=3e-6).cpu_us_per_operation == pytest.approx(1.0)
    assert sample().cpu_us_per_operation != sample().cpu_us_per_operation
