"""What people type as a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli import values
from lab.cli.app import muxlab


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0.3", 0.3),
        ("300ms", 0.3),
        ("2s", 2.0),
        (" 2 s ", 2.0),
        ("1min", 60.0),
        ("10m", 600.0),
        ("2h", 7200.0),
    ],
)
def test_durations_have_a_unit_or_are_seconds(text: str, seconds: float) -> None:
    assert values.duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "ms", "-1s", "2d", "5%", "1e3", "1_0_", "0.3.4"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        values.duration_s(text)


@pytest.mark.parametrize("text", ["5%", "5 %", "0.05"])
def test_shares_are_per_cent_or_parts_of_one(text: str) -> None:
    assert values.share(text) == pytest.approx(0.05)


@pytest.mark.parametrize("text", ["", "%", "5s", "-5%"])
def test_other_shares_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        values.share(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1024", 1024), ("1KiB", 1024), ("100k", 100_000), ("1.5kib", 1536), ("1MB", 1_000_000)],
)
def test_sizes_are_bytes_in_decimal_or_binary_units(text: str, size: int) -> None:
    assert values.size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "big", "0.5", "-1", "1 furlong"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a whole number of bytes"):
        values.size_bytes(text)


@pytest.mark.parametrize("convert", [values.whole, values.size_bytes, values.duration_s, values.share])
def test_a_number_beyond_all_bounds_is_refused(convert: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"expected a .*, got '99999"):
        convert("9" * 5_000)


def test_large_numbers_are_taken_digit_for_digit() -> None:
    assert values.whole("99999999999999999999") == values.size_bytes("99999999999999999999") == 10**20 - 1


def test_an_empty_name_is_no_folder() -> None:
    assert values.folder("./") == Path()
    with pytest.raises(ValueError, match="expected a folder, got an empty name"):
        values.folder("")


@pytest.mark.parametrize("words", [["report", ""], ["bench", "--out", ""], ["bench", "--resume", ""]])
def test_an_empty_name_is_refused_wherever_a_folder_is_asked_for(words: list[str]) -> None:
    refused = CliRunner().invoke(muxlab, words, prog_name="muxlab")
    assert refused.exit_code == 2
    assert "expected a folder, got an empty name" in refused.stderr


def test_numbers_may_be_grouped() -> None:
    assert (values.whole("5_000"), values.whole("5k"), values.whole("64")) == (5000, 5000, 64)


def test_a_rate_is_a_number_or_the_knee() -> None:
    assert [values.rate(text) for text in ("20000", "20k", "knee")] == [20_000, 20_000, "knee"]
    with pytest.raises(ValueError, match="or knee, got 'knees'"):
        values.rate("knees")


def test_names_come_with_commas_with_spaces_or_one_by_one() -> None:
    assert values.names(["epoll,uvloop", "poll epoll", "m.n:f"]) == ("epoll", "uvloop", "poll", "m.n:f")


def test_a_setting_names_workload_parameter_and_values() -> None:
    assert values.setting("echo-sockets.size=1KiB,64") == (("echo-sockets", "size"), (1024, 64))


@pytest.mark.parametrize("text", ["ring", "ring.pairs", "ring=3", ".pairs=3", "ring.=3", "ring.pairs="])
def test_an_incomplete_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected workload\.parameter=value"):
        values.setting(text)


def test_settings_of_two_parameters_in_one_are_told_to_be_given_one_by_one() -> None:
    with pytest.raises(ValueError, match="repeat --set for each further parameter"):
        values.setting("ring.active=200,ring.pairs=100")


def test_one_of_several_words_is_expected() -> None:
    body = values.one_of("same", "length", "any")
    assert body("any") == "any"
    with pytest.raises(
        ValueError, match="expected same, length or any, got 'none': give one, or leave the option"
    ):
        body("none")


@pytest.mark.parametrize("option", ["rounds", "duration", "precision", "max-time", "size", "rate", "seed"])
def test_a_value_that_is_no_number_is_told_what_was_expected_what_came_and_what_to_do(option: str) -> None:
    refused = CliRunner().invoke(muxlab, ["bench", f"--{option}", "abc"], prog_name="muxlab")
    assert refused.exit_code == 2
    (line,) = [each for each in refused.stderr.splitlines() if "--" + option in each]
    assert "expected " in line and line.endswith("got 'abc': give one, or leave the option out")


def test_bounds_of_a_whole_number_are_included() -> None:
    within = values.whole_within(1, 64)
    assert (within("1"), within("64")) == (1, 64)
    for text in ("0", "65", "abc"):
        with pytest.raises(ValueError, match=f"expected a whole number from 1 to 64, got '{text}'"):
            within(text)


@pytest.mark.parametrize("text", ["", " ", ",", "epoll,", ",epoll", "epoll,,poll", "epoll, ,poll"])
def test_an_empty_place_in_a_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a name or names with commas between, got an empty"):
        values.names([text])


def test_only_sizes_are_asked_for_in_bytes() -> None:
    with pytest.raises(ValueError, match="expected a whole number such as"):
        values.setting("ring.pairs=1e3")
    with pytest.raises(ValueError, match="expected a whole number of bytes"):
        values.setting("idle.size=1e3")
