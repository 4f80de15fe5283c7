"""What a page says of how to read it: that it holds for this very run."""

from __future__ import annotations

import dataclasses

from outline import Outline
from synthetic_run import SyntheticRun, echo

from reports.analysis.judgement import judge
from reports.figures.registry import FIGURES
from reports.pages.context import context
from reports.pages.page import html


def test_only_the_columns_that_are_shown_are_explained() -> None:
    judgement = judge(SyntheticRun(scenarios=(echo(),)).build())
    told = {name for name, _ in context(judgement)["aids"]}
    (table,) = context(judgement)["scenarios"]
    assert told & {"user µs", "waits"} == {"user µs", "waits"}
    assert told <= set(table["why_headings"])


def test_the_page_says_how_much_chance_may_do_and_whether_subjects_were_measured_together() -> None:
    nothing_drawn = {key: [] for key in FIGURES}
    made = SyntheticRun(scenarios=(echo(),), rounds=5).build()
    alone, together = (
        judge(dataclasses.replace(made, samples=tuple(dataclasses.replace(s, block=b) for s in made.samples)))
        for b in (None, 0)
    )
    page = Outline(html(alone, nothing_drawn)).text
    assert "chance alone does as much in at most 6.2 % of cases" in page
    assert "slice by slice" not in page
    assert "measured together, slice by slice in turn" in Outline(html(together, nothing_drawn)).text
