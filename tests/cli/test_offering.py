"""``muxlab bench --rate``: what is planned, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.results import read_run
from tests.cli.benching import muxlab_bench, only_run
from tests.fake_measuring import FakeMeasure

ECHO = ("--profile", "smoke", "-b", "poll", "-w", "echo-sockets", "--rounds", "1")
CLOSED = "echo-sockets[connections=64,size=1024]"


def test_each_rate_is_a_scenario(here: Path) -> None:
    result = muxlab_bench(*ECHO, "--rate", "20k,500", "--rate", "500", "--out", "mine")
    assert result.exit_code == 0
    record = read_run(here / "mine").record
    assert [each.id for each in record.scenarios] == [f"{CLOSED}@20000", f"{CLOSED}@500"]
    assert record.capacities == ()
    assert "--rate 20000,500" in record.command


def test_the_knee_is_led_up_to_by_rates_that_trials_choose(here: Path) -> None:
    measure = FakeMeasure()
    result = muxlab_bench(*ECHO, "--rate", "knee", "--out", "mine", measure=measure)
    assert result.exit_code == 0
    record = read_run(here / "mine").record
    assert "First 4 short trials, closed-loop" in result.stderr
    assert f"Rates for {CLOSED}: 25,000, " in result.stderr
    assert {(each.subject, each.scenario) for each in record.capacities} == {
        ("poll", CLOSED),
        ("asyncio", CLOSED),
    }
    assert record.scenarios[0].rate_per_s == 25_000
    assert {call["scenario"].load for call in measure.calls[4:]} == {"open"}
    assert "--rate knee" in record.command


def test_an_interrupted_run_goes_on_with_the_rates_that_it_had(here: Path) -> None:
    muxlab_bench(*ECHO, "--rate", "knee", measure=FakeMeasure(interrupt_at=6))
    planned = read_run(only_run(here)).record
    rest = FakeMeasure()
    assert muxlab_bench("--resume", only_run(here).name, measure=rest).exit_code == 0
    assert {call["scenario"].id for call in rest.calls} == {each.id for each in planned.scenarios}
    assert read_run(only_run(here)).record.capacities == planned.capacities


def test_what_a_profile_has_without_a_rate_is_left_out_and_said(here: Path) -> None:
    result = muxlab_bench("--profile", "smoke", "-b", "poll", "--rounds", "1", "--rate", "100")
    assert result.exit_code == 0
    assert "Left out, as they cannot be offered a rate: ring." in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-w ring --rate 100", "can be offered a rate, got ring: select among echo-sockets"),
        ("-w http --rate knee,100", "expected either knee or rates, got both"),
        ("-w http --rate knees", "expected requests per second such as 20000 or 20k, or knee, got 'knees'"),
        ("-w http --rate 0", "expected a rate of 1 to 1,000,000 requests per second, got 0"),
        ("--resume somewhere --rate 5", "--rate cannot be given with it"),
    ],
)
def test_a_rate_that_cannot_be_is_refused_in_one_line(here: Path, words: str, message: str) -> None:
    result = muxlab_bench(*words.split())
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (here / "runs").exists()
