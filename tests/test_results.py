"""The hinge: what is written is what is read."""

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


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    results.write_run(tmp_path, record())
    results.append_sample(tmp_path, sample())
    with open(tmp_path / results.SAMPLES_FILE, "a", encoding="utf-8") as file:
        file.write('{"subject":"epo')
    assert results.read_run(tmp_path).samples == (sample(),)


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
