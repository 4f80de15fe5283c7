"""``muxlab bench`` as a person uses it, with a fake that measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.app import muxlab
from lab.harness import folders
from lab.results import RUN_FILE, SAMPLES_FILE, read_run
from tests.cli.benching import SMALL, muxlab_bench, only_run
from tests.fake_measuring import FakeMeasure


def test_a_run_ends_in_a_summary_and_the_paths_of_the_report(here: Path) -> None:
    result = muxlab_bench(*SMALL)
    assert result.exit_code == 0
    assert "# Summary of 8 samples" in result.stdout
    assert f"runs/{only_run(here).name}/report.html" in result.stdout


def test_the_start_says_what_will_be_run_and_how_long_it_takes(here: Path) -> None:
    result = muxlab_bench(*SMALL, "--seed", "11")
    assert "4 subjects, 1 scenario, 2 rounds: 8 samples, about" in result.stderr
    assert "Seed 11" in result.stderr
    assert "Round 2 of 2: 8 of 8 samples" in result.stderr


def test_no_control_characters_reach_a_pipe(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = muxlab_bench(*SMALL)
    assert not {char for char in result.output if ord(char) < 32} - {"\n"}


def test_the_options_reach_the_plan(here: Path) -> None:
    words = (
        "-b epoll,uvloop -b poll -w idle --rounds 3 --duration 300ms --connections 10,20 --size 2KiB --seed 4"
    )
    assert muxlab_bench(*words.split(), "--out", "mine").exit_code == 0
    record = read_run(here / "mine").record
    assert (record.id, record.rounds, record.duration_s, record.seed) == ("mine", 3, 0.3, 4)
    assert {"epoll", "uvloop", "poll"} <= {subject.name for subject in record.subjects}
    assert [scenario.parameters["idle"] for scenario in record.scenarios] == [10, 20]
    assert {scenario.parameters["size"] for scenario in record.scenarios} == {2048}


def test_a_run_can_be_repeated_with_its_recorded_command(here: Path) -> None:
    first, second = FakeMeasure(), FakeMeasure()
    muxlab_bench(*SMALL, "--set", "ring.pairs=30,40", "--out", "first", measure=first)
    again = read_run(here / "first").record.command.split()
    assert again[:2] == ["muxlab", "bench"]
    muxlab_bench(*again[2:], "--out", "second", measure=second)
    assert second.cells == first.cells


def test_an_interrupted_run_is_resumed_to_its_end(here: Path) -> None:
    muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=3))
    result = muxlab_bench("--resume", only_run(here).name)
    assert result.exit_code == 0
    assert "3 of 8 samples were there already" in result.stderr
    assert len(read_run(only_run(here)).samples) == 8


def test_a_resumed_run_keeps_its_number_of_load_processes(here: Path) -> None:
    first, rest = FakeMeasure(interrupt_at=1), FakeMeasure()
    muxlab_bench(*SMALL, "--load-processes", "3", "--out", "mine", measure=first)
    muxlab_bench("--resume", "mine", measure=rest)
    assert {len(call["cores"].loads) for call in (*first.calls, *rest.calls)} == {3}


def test_resuming_refuses_options_that_would_change_the_plan(here: Path) -> None:
    muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=3))
    result = muxlab_bench("--resume", only_run(here).name, "--rounds", "9")
    assert result.exit_code == 2
    assert "--rounds cannot be given with it" in result.stderr


def test_what_is_left_out_is_told_before_the_start(here: Path) -> None:
    words = ("-b", "select", "-w", "idle", "--rounds", "1", "--connections")
    reason = "select watches descriptors below 1,024 only; this scenario needs 5,064"
    result = muxlab_bench(*words, "10,5000")
    assert result.exit_code == 0
    place = "idle[active=32,idle=5000,size=1024]"
    assert f"Left out: select in 1 of 2 scenarios ({place}): {reason}" in result.stderr
    several = muxlab_bench(*words, "10,5000,6000")
    assert f"Left out: select in 2 of 3 scenarios (for one, {place}): {reason}" in several.stderr
    assert f"Left out: select: {reason}" in muxlab_bench(*words, "5000").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-b epol", "no subject is called 'epol'. Did you mean 'epoll'?"),
        ("-w rings", "no workload is called 'rings'. Did you mean 'ring'?"),
        ("--profile fast", "no profile is called 'fast'. Choose from: smoke, quick, full."),
        ("--rounds 0", "expected 1 to 1,000 rounds, got 0"),
        ("--rounds many", "expected a whole number such as 64 or 5000, got 'many'"),
        ("--duration soon", "expected a duration such as 0.3, 300ms, 2s or 10m, got 'soon'"),
        ("--size 1.5", "expected a whole number of bytes such as 1024, 1KiB or 100k, got '1.5'"),
        ("--connections -4", "expected a whole number such as 64 or 5000, got '-4'"),
        ("--set pairs=3", "expected workload.parameter=value, such as ring.pairs=100,1000; got 'pairs=3'"),
        ("--set ring.pears=3", "no parameter of ring is called 'pears'. Did you mean 'pairs'?"),
        ("--resume nowhere", "nowhere is not a run: expected run.json in it"),
        ("--seed -1", "expected a whole number of at least 0, got '-1': give one, or leave the option out"),
        ("--seed abc", "expected a whole number of at least 0, got 'abc'"),
        ("--load-processes 65", "expected a whole number from 1 to 64, got '65'"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(here: Path, words: str, message: str) -> None:
    result = muxlab_bench(*words.split())
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert not (here / "runs").exists()


def test_a_file_in_the_place_of_the_folder_is_named_in_one_line(here: Path) -> None:
    (here / "mine").write_text("")
    result = muxlab_bench(*SMALL, "--out", "mine")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith("for the run, got mine: mine is there, and is no folder. Name another with --out")


def test_a_rejected_loop_of_ones_own_is_not_sent_to_the_list_of_known_ones(here: Path) -> None:
    result = muxlab_bench(*SMALL[:2], "--workload", "ring", "--backend", "nobodys:loop")
    assert result.exit_code == 2
    assert "expected to import nobodys" in result.stderr and "muxlab backends" not in result.stderr
    assert "name what makes a new event loop when it is called without arguments" in result.stderr


def test_a_resumed_run_does_not_warn_again_of_what_it_said_at_its_start(here: Path) -> None:
    crowd = ("--load-processes", "64")
    begun = muxlab_bench(*SMALL, *crowd, measure=FakeMeasure(interrupt_at=3))
    assert "Warning: load processes: 64 must share what there is" in begun.stderr
    resumed = muxlab_bench("--resume", only_run(here).name)
    assert "must share" not in resumed.stderr
    assert any("must share" in text for text in read_run(only_run(here)).record.warnings)


def test_an_occupied_folder_is_not_written_into(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "precious.txt").write_text("")
    result = muxlab_bench(*SMALL, "--out", "mine")
    assert result.exit_code == 2
    assert "mine holds files already" in result.stderr
    assert [path.name for path in (here / "mine").iterdir()] == ["precious.txt"]


def test_a_broken_run_folder_is_told_in_one_line(here: Path) -> None:
    muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=3))
    (only_run(here) / RUN_FILE).write_text("not json\n")
    result = muxlab_bench("--resume", only_run(here).name)
    assert result.exit_code == 2
    assert f"{RUN_FILE} is not the record of a run" in result.stderr


def test_a_damaged_line_is_told_and_its_cell_measured_again(here: Path) -> None:
    muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=3))
    samples = only_run(here) / SAMPLES_FILE
    samples.write_bytes(b"\xff not json\n" + b"".join(samples.read_bytes().splitlines(keepends=True)[1:]))
    result = muxlab_bench("--resume", only_run(here).name)
    assert result.exit_code == 0
    assert f"Warning: runs/{only_run(here).name}/{SAMPLES_FILE}, line 1, is damaged" in result.stderr
    assert "2 of 8 samples were there already" in result.stderr
    assert len(read_run(only_run(here)).samples) == 8


def test_a_report_tells_of_damaged_lines_and_is_written(here: Path) -> None:
    muxlab_bench(*SMALL)
    with open(only_run(here) / SAMPLES_FILE, "ab") as file:
        file.write(b"garbage\n")
    result = CliRunner().invoke(muxlab, ["report"], prog_name="muxlab")
    assert result.exit_code == 0
    assert "line 9, is damaged and was left out" in result.stderr


def test_a_report_of_a_complete_run_tells_of_a_last_line_that_is_cut_off(here: Path) -> None:
    muxlab_bench(*SMALL)
    samples = only_run(here) / SAMPLES_FILE
    samples.write_bytes(samples.read_bytes()[:-20])
    result = CliRunner().invoke(muxlab, ["report"], prog_name="muxlab")
    assert result.exit_code == 0
    assert "Warning: runs/" in result.stderr and "line 8, is cut off and was left out" in result.stderr


def test_a_folder_in_use_is_refused(here: Path) -> None:
    with folders.new_folder(Path("mine")):
        result = muxlab_bench(*SMALL, "--out", "mine")
    assert result.exit_code == 2
    assert "a bench is running in it" in result.stderr


def test_the_newest_run_is_the_one_that_report_takes(here: Path) -> None:
    muxlab_bench(*SMALL)
    result = CliRunner().invoke(muxlab, ["report"], prog_name="muxlab")
    assert result.exit_code == 0
    assert "# Summary of 8 samples" in result.stdout
    assert folders.newest() == only_run(here).relative_to(here)


def test_a_custom_loop_without_a_module_is_told_what_was_expected(here: Path) -> None:
    result = muxlab_bench("-b", ":x")
    assert result.exit_code == 2
    assert "expected module:factory" in result.stderr


@pytest.mark.parametrize(
    "words",
    [("-b", ""), ("-b", ","), ("-w", ""), ("--connections", ""), ("--connections", "1,,2"), ("--size", "")],
)
def test_an_empty_list_is_an_error_and_not_everything(here: Path, words: tuple[str, str]) -> None:
    result = muxlab_bench(*words)
    assert result.exit_code == 2
    assert "got an empty" in result.stderr


def test_a_complete_run_has_nothing_left_to_measure(here: Path) -> None:
    muxlab_bench(*SMALL)
    result = muxlab_bench("--resume", only_run(here).name)
    assert result.exit_code == 0
    assert "All 8 samples were there already: nothing left to measure" in result.stderr
    assert "Round" not in result.stderr


def test_a_resumed_run_tells_of_the_rounds_that_it_takes(here: Path) -> None:
    muxlab_bench(*SMALL, measure=FakeMeasure(interrupt_at=5))
    result = muxlab_bench("--resume", only_run(here).name)
    assert "Round 1 of 2" not in result.stderr
    assert "Round 2 of 2: 8 of 8 samples" in result.stderr


def test_subjects_left_out_for_one_reason_share_a_line(here: Path) -> None:
    result = muxlab_bench("-b", "poll", "-w", "idle", "--connections", "10,10000000", "--rounds", "1")
    left_out = [line for line in result.stderr.splitlines() if line.startswith("Left out: ")]
    assert len(left_out) == 1
    assert "poll, asyncio, asyncio-again, floor in 1 of 2 scenarios" in left_out[0]
    assert "ulimit" not in left_out[0]


def test_an_unknown_command_gets_the_list_and_the_nearest(here: Path) -> None:
    result = CliRunner().invoke(muxlab, ["bensch"], prog_name="muxlab")
    assert result.exit_code == 2
    assert "no command is called 'bensch'. Did you mean 'bench'?" in result.stderr
    assert "doctor" in result.stderr
