"""The look of figures: titles that break where a person would, numbers that can be read on their ground."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_run import SUBJECTS, SyntheticRun, echo

from reports.analysis.judgement import judge
from reports.figures.heat_map import SHADES, ink_on
from reports.figures.scaling_curve import pushed_apart
from reports.figures.style import few_ticks, sheet, themable, wrapped
from reports.pages.trust import noise_note


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


def test_a_figure_says_the_noise_floors_of_what_it_shows_and_of_nothing_else() -> None:
    judgement = judge(SyntheticRun(scenarios=(echo(),)).build())
    assert "(2.0 %; from the A/A pair)" in noise_note(judgement, [0.02])
    assert "(2.0 % to 31.0 % by scenario; from the A/A pair)" in noise_note(judgement, [0.31, 0.02])
    unpaired = judge(SyntheticRun(scenarios=(echo(),), subjects=SUBJECTS[:6]).build())
    assert "(5.0 %; assumed, no A/A pair)" in noise_note(unpaired, [0.05])


def _luminance(colour: tuple[float, ...]) -> float:
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour[:3]]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_numbers_on_the_heat_map_can_be_read_on_every_shade() -> None:
    for shade in SHADES(np.linspace(0, 1, 101)):
        ink = 0.0 if ink_on(tuple(shade)) == "#000000" else 1.0
        lighter, darker = sorted([_luminance(tuple(shade)), ink], reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2, AA


def test_the_heat_map_has_no_hue_of_a_kind() -> None:
    assert np.ptp(SHADES(np.linspace(0, 1, 101))[:, :3], axis=1).max() < 0.15


@pytest.mark.parametrize(
    ("places", "apart"),
    [
        ([1.0, 5.0], [1.0, 5.0]),
        ([3.0, 3.0, 3.0], [2.0, 3.0, 4.0]),
        ([0.0, 2.9, 3.1, 3.6], [0.0, 2.2, 3.2, 4.2]),
        ([], []),
    ],
)
def test_names_beside_lines_are_pushed_apart_around_their_place(
    places: list[float], apart: list[float]
) -> None:
    assert pushed_apart(places, 1.0) == pytest.approx(apart)
