"""Where runs live, and which of them may go on."""

from __future__ import annotations

import datetime
import functools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.errors import LabError, RunError
from lab.harness import folders, runner
from lab.harness.blocks import one_by_one
from lab.harness.planning import plan
from lab.harness.planning.selection import Selection
from lab.harness.sampling import Cores
from lab.results import RUN_FILE, SAMPLES_FILE, read_run
from tests.fake_measuring import FakeCatalogue, FakeMeasure, environment

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """The folder of a run that was interrupted after four samples."""
    record = plan.build(
        Selection(backends=("epoll",), workloads=("ring",)),
        environment(),
        id="r",
        seed=7,
        catalogue=FakeCatalogue(),
    )
    runner.run(
        record,
        tmp_path / "r",
        measure=one_by_one(FakeMeasure(interrupt_at=4)),
        cores=Cores(None, (None,), ""),
    )
    return tmp_path / "r"


def test_a_new_run_gets_a_folder_named_by_the_time(tmp_path: Path) -> None:
    with folders.new_folder(None, tmp_path, MOMENT) as folder:
        assert folder == tmp_path / "20260102-030405"
        assert folder.is_dir()


def test_two_runs_in_the_same_second_get_two_folders(tmp_path: Path) -> None:
    new = functools.partial(folders.new_folder, None, tmp_path, MOMENT)
    with new() as first, new() as second:
        assert (first.name, second.name) == ("20260102-030405", "20260102-030405-2")


def test_a_folder_that_holds_something_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(LabError, match=r"holds files already.*--resume"), folders.new_folder(tmp_path):
        pytest.fail("the folder was accepted")


def test_a_folder_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(
            LabError, match=f"expected a folder that can be made .*: {tmp_path / 'file'} is there, and is no"
        ),
        folders.new_folder(tmp_path / "file" / "run"),
    ):
        pytest.fail("the folder was accepted")


@pytest.mark.parametrize(
    ("flags", "why"), [(os.ST_RDONLY, "Read-only file system"), (0, "Permission denied")]
)
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(
    interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: int, why: str
) -> None:
    (tmp_path / "new").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flags))
    with pytest.raises(LabError, match=f"got .*/new: {why}. Name another with --out"):
        folders.new_folder(tmp_path / "new").__enter__()
    with pytest.raises(RunError, match=f"got {interrupted}: {why}. Copy {interrupted}, resume the copy"):
        folders.open_for_resuming(interrupted, environment()).__enter__()


def test_no_second_bench_starts_in_a_folder_before_the_first_has_written(tmp_path: Path) -> None:
    with folders.new_folder(tmp_path), pytest.raises(LabError, match="a bench is running in it"):
        folders.new_folder(tmp_path).__enter__()


def test_a_run_is_not_resumed_while_a_bench_is_running_in_it(interrupted: Path) -> None:
    held = folders.open_for_resuming(interrupted, environment())
    with held, pytest.raises(LabError, match="a bench is running in it"):
        folders.open_for_resuming(interrupted, environment()).__enter__()
    with folders.open_for_resuming(interrupted, environment()) as run:
        assert len(run.samples) == 4


def test_the_newest_run_is_the_one_written_last(tmp_path: Path) -> None:
    for age, name in enumerate(("b", "a", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / RUN_FILE).write_text("{}")
        os.utime(tmp_path / name / RUN_FILE, (1_000 - age, 1_000 - age))
    assert folders.newest(tmp_path) == tmp_path / "b"


def test_without_a_run_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="make bench"):
        folders.newest(tmp_path)


def test_a_run_is_found_by_its_name_alone(interrupted: Path) -> None:
    assert folders.find(Path("r"), interrupted.parent) == interrupted
    assert folders.find(interrupted) == interrupted


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"expected {RUN_FILE} in it"):
        read_run(tmp_path)


def test_a_name_that_is_no_text_is_refused_with_its_bytes(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(b"run-\xff"))
    with pytest.raises(LabError, match=r"whose name is text in UTF-8, got b'run-\\xff'"):
        folders.find(odd)
    with pytest.raises(LabError, match="whose name is text in UTF-8"):
        folders.new_folder(tmp_path / odd).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_text_are_refused_with_the_folders_name(interrupted: Path) -> None:
    (interrupted / RUN_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match=r"r/run\.json is not the record of a run"):
        read_run(interrupted)


def test_a_run_goes_on_under_the_same_conditions(interrupted: Path) -> None:
    with folders.open_for_resuming(interrupted, environment()) as run:
        assert len(run.samples) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"python": "CPython 3.13.0"}, "Python was CPython 3.12.1"),
        ({"cpu_model": "Other CPU"}, "processor was Example CPU, is Other CPU"),
        ({"packages": {"uvloop": "0.22"}}, "packages was"),
        ({"extra": {"LD_PRELOAD": "libx.so"}}, "allocator was as it comes, is LD_PRELOAD=libx.so"),
        ({"cores_usable": 1}, "usable cores was 4, is 1"),
        ({"descriptor_limit": 1024}, "ulimit -n 20000"),
    ],
)
def test_a_run_does_not_go_on_where_samples_would_not_compare(
    interrupted: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunError, match=message):
        folders.open_for_resuming(interrupted, environment(**changes)).__enter__()


def test_lesser_changes_of_the_machine_are_told() -> None:
    (change,) = folders.changes_since(environment(), environment(governor="powersave"))
    assert "governor is no longer performance but powersave" in change
    assert folders.changes_since(environment(), environment()) == ()


def test_a_line_that_a_crash_cut_off_does_not_spoil_the_next_one(interrupted: Path) -> None:
    with open(interrupted / SAMPLES_FILE, "ab") as file:
        file.write(b'{"subject":"ep')
    measure = FakeMeasure()
    with folders.open_for_resuming(interrupted, environment()) as run:
        runner.run(
            run.record,
            interrupted,
            measure=one_by_one(measure),
            earlier=run.samples,
            cores=Cores(None, (None,), ""),
        )
    assert len(read_run(interrupted).samples) == 4 + len(measure.calls)
