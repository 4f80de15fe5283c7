"""The look of figures: titles that break where a person would, numbers that can be read on their ground."""

from __future__ import annotations

import pytest

from reports.figures.style import few_ticks, sheet, themable, wrapped


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("Echo over protocol, 64 connections, 1 KiB", ["Echo over protocol,", "64 connections, 1 KiB"]),
        (
            "Ring of socket pairs, 9,000 pairs, 100 active",
            ["Ring of socket pairs,", "9,000 pairs, 100 active"],
        ),
        ("Short", ["Short"]),
    ],
)
def test_a_long_title_breaks_in_its_middle_and_a_size_keeps_its_unit(title: str, lines: list[str]) -> None:
    assert wrapped(title, 40).replace("\N{NO-BREAK SPACE}", " ").split("\n") == lines


def test_no_title_is_wider_than_its_place() -> None:
    titles = ["x" * 100, "word " * 40, "x" * 30 + " " + "y" * 80]
    assert all(len(line) <= 40 for title in titles for line in wrapped(title, 40).split("\n"))


def test_ticks_lie_round_numbers_apart() -> None:
    with sheet(1.0) as (_, [axes]):
        axes.set_xlim(0, 52)
        few_ticks(axes)
        assert list(axes.get_xticks()) == [0, 20, 40, 60]


def test_a_drawing_in_the_page_ends_above_the_note() -> None:
    drawn = '<?xml?><svg width="9pt" viewBox="0 0 500 200.5" version="1.1"><path id="a"/></svg>'
    assert 'viewBox="0 0 500 188.0"' in themable(drawn, "figure", 12.5)
